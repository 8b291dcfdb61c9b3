// The form of a cloud account in a real browser: what is wrong stands at its field in words for people, nothing that was
// typed is lost, and "Test connection" always says what came of it.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { createAccount } from '../../../db/accounts/accounts.ts'
import { saveAccountCheck } from '../../../db/views/accounts.ts'
import type { CloudDouble } from '../../clouds/cloud-double.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { randomName } from '../../support/rows.ts'
import { createSite, type Site } from '../site.ts'

const KEY = {
  type: 'service_account',
  client_email: 'backup@example.iam.gserviceaccount.com',
  private_key: '-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n',
}
const SEEN_RAW = /Invalid input|Too (big|small)|expected|undefined/

describe('the form of a cloud account', () => {
  let site: Site
  let dropbox: CloudDouble
  let page: Page
  before(async () => {
    site = await createSite([EMULATORS.dropbox])
    const [only] = site.system.clouds
    assert.ok(only !== undefined)
    dropbox = only
    page = await site.openLoggedIn()
  })
  after(() => site.close())

  const save = () => page.getByRole('button', { name: 'Save Account' }).click()
  const textOf = async (id: string) => (await page.locator(`#${id}`).textContent())?.trim()

  it('the form of an account says what each wrong key file is, and keeps what was pasted', async () => {
    await page.goto('/cloud/new?provider=google_drive')
    const field = page.getByLabel('Credentials JSON')
    const { private_key: _, ...keyless } = KEY
    const cases: readonly (readonly [string, RegExp])[] = [
      [
        '{"installed":{"client_id":"x"}}',
        /^This is an OAuth client file\. Create a key of a service account/,
      ],
      ['{"type":"authorized_user"}', /^This is an OAuth client file/],
      ['{not JSON', /^This is not JSON: paste the whole key file/],
      [JSON.stringify([KEY]), /^This is JSON, but no key file/],
      [JSON.stringify(keyless), /^“private_key” is required\.$/],
      ['{}', /“private_key” is required\./],
    ]
    await page.getByLabel('Account name').fill('Drive EU')
    await page.getByLabel('Folder ID').fill('folder-of-backups')
    for (const [text, expected] of cases) {
      await field.fill(text)
      const answer = page.waitForResponse((one) => one.request().method() === 'POST')
      await save()
      assert.equal((await answer).status(), 422)
      await page.locator('#credentials_json-fault').getByText(expected).waitFor()
      assert.doesNotMatch((await textOf('account-form')) ?? '', SEEN_RAW)
      assert.equal(await field.inputValue(), text)
      assert.equal(await field.getAttribute('aria-invalid'), 'true')
      assert.equal(await page.getByLabel('Account name').inputValue(), 'Drive EU')
    }
  })

  it('the form of an account keeps secrets when another field is wrong', async () => {
    await page.goto('/cloud/new?provider=google_drive')
    await page.getByLabel('Account name').fill('x'.repeat(201))
    await page.getByLabel('Credentials JSON').fill(JSON.stringify(KEY))
    await page.getByLabel('Folder ID').fill('folder-of-backups')
    await save()
    await page.getByText('This must have at most 200 characters.').waitFor()
    assert.equal(await page.getByLabel('Credentials JSON').inputValue(), JSON.stringify(KEY))
    await page.getByLabel('Account name').fill(randomName('Drive'))
    await save()
    await page.getByText('The account is saved.').waitFor()
  })

  it('the form of an account without JavaScript asks for a secret again', async () => {
    const plain = await site.openLoggedIn({ javaScriptEnabled: false })
    await plain.goto('/cloud/new?provider=google_drive')
    await plain.getByLabel('Account name').fill('x'.repeat(201))
    await plain.getByLabel('Credentials JSON').fill(JSON.stringify(KEY))
    await plain.getByLabel('Folder ID').fill('folder-of-backups')
    await plain.getByRole('button', { name: 'Save Account' }).click()
    await plain.getByText('This must have at most 200 characters.').waitFor()
    await plain.locator('#credentials_json-fault').getByText('Enter it again').waitFor()
    assert.equal(await plain.getByLabel('Folder ID').inputValue(), 'folder-of-backups')
    await plain.context().close()
  })

  it('the form of an account refuses a file that is no key, and keeps its field', async () => {
    await page.goto('/cloud/new?provider=google_drive')
    await page.getByLabel('Credentials JSON').fill('{"a":1}')
    const choose = (name: string, text: string) =>
      page
        .getByLabel('Choose the key file')
        .setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) })
    await choose('notes.txt', 'notes')
    await page.getByText('This file is not JSON').waitFor()
    await choose('photo.json', 'x'.repeat(150_000))
    await page.getByText('This file is too large for a key file').waitFor()
    assert.equal(await page.getByLabel('Credentials JSON').inputValue(), '{"a":1}')
    await choose('key.json', JSON.stringify(KEY))
    await page.getByText(`Share the folder with: ${KEY.client_email}`).waitFor()
    assert.equal(await textOf('key-file-fault'), '')
  })

  it('the form of an account shows only the fields of the chosen kind of access, also after a refusal', async () => {
    await page.goto('/cloud/new?provider=dropbox')
    const refresh = page.getByLabel('Refresh token', { exact: true })
    const access = page.getByLabel('Access token', { exact: true })
    await refresh.waitFor()
    assert.equal(await access.isVisible(), false)
    await page.getByLabel('Kind of access').selectOption('access_token')
    await access.waitFor()
    assert.equal(await refresh.isVisible(), false)
    await page.getByLabel('Account name').fill('Dropbox')
    await save()
    await page.locator('#access_token-fault').getByText('This must not be empty.').waitFor()
    assert.equal(await refresh.isVisible(), false)
    assert.doesNotMatch((await page.content()) ?? '', /placeholder="My Drive"/)
  })

  it('testing an empty form of an account says what is missing, and nothing of stored credentials', async () => {
    await page.goto('/cloud/new?provider=dropbox')
    await page.getByRole('button', { name: 'Test connection' }).click()
    const result = page.locator('#check-result')
    await result.getByText('Refresh token must not be empty.').waitFor()
    assert.doesNotMatch((await result.textContent()) ?? '', /stored|Check now|Account name/)
  })

  async function savedAccount() {
    const { credentials } = dropbox
    const name = randomName('Team')
    return createAccount(site.system.db, site.system.vault, {
      name,
      provider: 'dropbox',
      credentials,
      settings: { remote_path: '/backups' },
    })
  }

  it('"Test connection" tries new settings of a saved account with the stored credentials', async () => {
    const account = await savedAccount()
    await page.goto(`/cloud/${account.id}`)
    await page.getByLabel('Remote path').fill('/elsewhere')
    await page.getByRole('button', { name: 'Test connection' }).click()
    await page.locator('#check-result [data-kind="success"]').waitFor()
    await page.getByLabel('Remote path').fill('/a/../b')
    await page.getByRole('button', { name: 'Test connection' }).click()
    await page.locator('#check-result [data-kind="danger"]').getByText('cannot be used in a path').waitFor()
    assert.equal((await site.system.db.selectFrom('account_drafts').select('id').execute()).length, 0)
  })

  it('a part of the credentials of an account alone is refused with the reason', async () => {
    const account = await savedAccount()
    await page.goto(`/cloud/${account.id}`)
    await page.getByLabel('App key').fill('other')
    await page.getByRole('button', { name: 'Save Changes' }).click()
    await page.locator('#refresh_token-fault').getByText('replaced all together').waitFor()
    assert.equal(await page.getByLabel('App key').inputValue(), 'other')
  })

  it('an account that did not work is checked anew once it is changed', async () => {
    const account = await savedAccount()
    const error = { code: 'credentials_refused', message: 'Dropbox refuses the token.' }
    await saveAccountCheck(site.system.db, account.id, {
      ok: false,
      detail: error.message,
      space: null,
      error,
    })
    await page.goto(`/cloud/${account.id}`)
    await page.getByText('does not work').waitFor()
    await page.getByLabel('Remote path').fill('/repaired')
    await page.getByRole('button', { name: 'Save Changes' }).click()
    await page.getByText('The account is changed.').waitFor()
    await page.getByText('works', { exact: true }).waitFor()
    assert.equal(await page.getByRole('link', { name: 'Edit' }).count(), 0)
  })

  it('an account that is bound cannot be deleted, and the question names the one that can', async () => {
    const free = await savedAccount()
    await page.goto(`/cloud/${free.id}`)
    const question = page.waitForEvent('dialog')
    const clicked = page.getByRole('button', { name: 'Delete' }).click()
    const dialog = await question
    assert.ok(dialog.message().startsWith(`Delete ${free.name}?`))
    await dialog.accept()
    await clicked
    await page.getByText('The account is deleted.').waitFor()
    const { bindings } = await site.system.bind()
    await page.goto(`/cloud/${bindings[0]?.account_id}`)
    assert.equal(await page.getByRole('button', { name: 'Delete' }).isDisabled(), true)
  })

  it('the browser reports no error', () => {
    assert.deepEqual(site.complaints, [])
  })
})
