// What a person does on the first day, in a real browser against the whole program: first login, an account, an instance,
// a binding, an upload that is watched, one that fails, its re-upload, and the preview of retention.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { hashPassword } from '../../api/access/passwords.ts'
import { createUser } from '../../db/access/users.ts'
import { type DropboxEmulator, startDropboxEmulator } from '../clouds/dropbox/index.ts'
import { createSite, type Site } from './site.ts'

const MIB = 1024 * 1024
const FIRST = 'given-by-somebody-else'
const OWN = 'four seagulls above the harbour'

describe('the first day', () => {
  let site: Site
  let dropbox: DropboxEmulator
  let page: Page
  before(async () => {
    site = await createSite([
      async (authority) => {
        dropbox = await startDropboxEmulator(authority)
        return dropbox
      },
    ])
    const password_hash = await hashPassword(FIRST)
    await createUser(site.system.db, { username: 'maria', password_hash, must_change_password: true })
    page = await site.open()
  })
  after(() => site.close())

  /** Each goes on from the one before. */
  let isBroken = false
  function step(name: string, work: () => Promise<void> | void): void {
    it(name, async () => {
      assert.ok(!isBroken, 'the step before has failed')
      isBroken = true
      await work()
      isBroken = false
    })
  }

  async function handOver(name: string, bytes = 2 * MIB): Promise<void> {
    const archive = await site.system.writeArchive(`acme/${name}`, randomBytes(bytes))
    const answer = await page.request.post('/api/runs', {
      data: { instance: 'acme', archive, run_id: name.replace(/\..*/, '') },
    })
    assert.equal(answer.status(), 202, await answer.text())
  }

  step('a login leads to where somebody wanted to go, after the first password was changed', async () => {
    await page.goto('/cloud')
    assert.equal(new URL(page.url()).pathname, '/login')
    await page.getByLabel('Username').fill('maria')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('User name or password is wrong.').waitFor()
    await page.getByLabel('Password').fill(FIRST)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Change your password' }).waitFor()
    await page.getByLabel('Current password').fill(FIRST)
    await page.getByLabel('New password', { exact: true }).fill(OWN)
    await page.getByLabel('Confirm new password').fill('something else')
    await page.getByRole('button', { name: 'Set password and continue' }).click()
    await page.getByText('The two new passwords differ.').waitFor()
    await page.getByLabel('Current password').fill(FIRST)
    await page.getByLabel('New password', { exact: true }).fill(OWN)
    await page.getByLabel('Confirm new password').fill(OWN)
    await page.getByRole('button', { name: 'Set password and continue' }).click()
    await page.getByText('No cloud accounts configured').waitFor()
    assert.equal(new URL(page.url()).pathname, '/cloud')
  })

  step('Add Account tests the connection before anything is saved', async () => {
    await page.getByRole('link', { name: 'Cloud accounts' }).click()
    await page.getByText('No cloud accounts configured').waitFor()
    await page.getByRole('link', { name: 'Add Cloud Account' }).click()
    await page.getByRole('link', { name: 'Dropbox' }).click()
    const { app_key, app_secret, refresh_token } = dropbox.credentials
    await page.getByLabel('Account name').fill('Dropbox Team')
    await page.getByLabel('App key').fill(String(app_key))
    await page.getByLabel('App secret').fill(String(app_secret ?? ''))
    await page.getByLabel('Refresh token', { exact: true }).fill('not-the-right-one')
    await page.getByLabel('Remote path').fill('/backups/')
    await page.getByRole('button', { name: 'Test connection' }).click()
    await page.locator('#check-result [data-kind="danger"]').waitFor()
    await page.getByLabel('Refresh token', { exact: true }).fill(String(refresh_token))
    await page.getByRole('button', { name: 'Test connection' }).click()
    await page.locator('#check-result [data-kind="success"]').waitFor()
    const saved = await site.system.db.selectFrom('cloud_accounts').select('id').execute()
    assert.equal(saved.length, 0)
    assert.equal((await site.system.db.selectFrom('account_drafts').select('id').execute()).length, 0)
    await page.getByRole('button', { name: 'Save Account' }).click()
    await page.getByText('The account is saved.').waitFor()
    // The list tries a new account by itself and keeps what came of it.
    await page.getByText('works', { exact: true }).waitFor()
  })

  step('a key file that is chosen shows the address to share the folder with', async () => {
    await page.goto('/cloud/new?provider=google_drive')
    const email = 'backup@example.iam.gserviceaccount.com'
    const key = { type: 'service_account', client_email: email, private_key: 'x' }
    const file = { name: 'key.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(key)) }
    await page.getByLabel('Choose the key file').setInputFiles(file)
    await page.getByText(`Share the folder with: ${email}`).waitFor()
    assert.match(await page.getByLabel('Credentials JSON').inputValue(), /service_account/)
    await page.goto('/cloud')
  })

  step('no page ever sends a secret back', async () => {
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByRole('heading', { name: 'Dropbox Team', level: 1 }).waitFor()
    const content = await page.content()
    for (const secret of [dropbox.credentials.refresh_token, dropbox.credentials.app_secret]) {
      if (typeof secret === 'string') assert.ok(!content.includes(secret))
    }
    assert.equal(await page.getByLabel('Refresh token', { exact: true }).inputValue(), '')
  })

  step('an instance is added and bound', async () => {
    await page.getByRole('link', { name: 'Instances' }).click()
    await page.getByRole('link', { name: 'Add Instance' }).first().click()
    await page.getByLabel('Slug').fill('Not a slug')
    await page.getByRole('button', { name: 'Create Instance' }).click()
    await page.locator('#slug-fault').waitFor()
    await page.getByLabel('Slug').fill('acme')
    await page.getByLabel('Name').fill('Acme')
    await page.getByRole('button', { name: 'Create Instance' }).click()
    await page.getByRole('link', { name: 'Bind Cloud Account' }).click()
    await page.getByText('Dropbox Team: /backups/odoo-backups/acme/').waitFor()
    await page.getByRole('button', { name: 'Bind', exact: true }).click()
    await page.getByText('The cloud account is bound.').waitFor()
  })

  step('a run appears in the history by itself, moves, and is uploaded', async () => {
    await page.goto('/')
    await page.getByText('No backup runs yet').waitFor()
    dropbox.server.faults.add({ times: 3, operation: 'chunk', action: { kind: 'delay', ms: 2_500 } })
    await handOver('first.dump', 24 * MIB)
    const row = page.locator('tr[id="run-first"]')
    await row.waitFor()
    await row.getByText('%').waitFor()
    await row.locator('[data-state="uploaded"]').waitFor({ timeout: 60_000 })
    assert.match(
      (await row.locator('[data-component="mark"] button').textContent()) ?? '',
      /Dropbox Team: uploaded/,
    )
    assert.equal(dropbox.files().length, 1)
  })

  step('a failure says why by hover and by focus', async () => {
    dropbox.setQuota(25 * MIB)
    await handOver('second.dump', 4 * MIB)
    const mark = page.locator('tr[id="run-second"] [data-state="failed"]')
    await mark.waitFor({ timeout: 60_000 })
    const tooltip = mark.locator('[role="tooltip"]')
    assert.equal(await tooltip.isVisible(), false)
    await mark.hover()
    await tooltip.waitFor({ state: 'visible' })
    assert.match((await tooltip.textContent()) ?? '', /Dropbox Team: failed/)
    assert.match((await tooltip.textContent()) ?? '', /space|full|quota/i)
    await page.mouse.move(0, 0)
    await tooltip.waitFor({ state: 'hidden' })
    await mark.locator('button').focus()
    await tooltip.waitFor({ state: 'visible' })
  })

  step('Re-upload sends the same archive again, and the page shows it arrive', async () => {
    dropbox.setQuota(2 ** 40)
    await page.locator('tr[id="run-second"] a[data-cover]').click()
    await page.locator('[data-component="message"]').getByText('buy more').waitFor()
    dropbox.server.faults.add({ times: 1, operation: 'space', action: { kind: 'delay', ms: 2_000 } })
    await page.getByRole('button', { name: 'Re-upload' }).click()
    await page.getByText('The upload goes on.').waitFor()
    const card = page.locator('[data-component="destination"]')
    await card.getByText('uploaded', { exact: true }).waitFor({ timeout: 60_000 })
    await card.getByText('Hash verified').waitFor()
    assert.equal(dropbox.files().length, 2)
    await page.getByText('reupload requested').waitFor()
  })

  step('the full status is copied and is JSON', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByText('Full status as JSON').click()
    await page.getByRole('button', { name: 'Copy' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    const text: unknown = await page.evaluate('navigator.clipboard.readText()')
    const status: unknown = JSON.parse(String(text))
    assert.match(JSON.stringify(status), /"status":"uploaded"/)
  })

  step('retention shows what it would delete before it is saved', async () => {
    await page.goto('/instances/acme')
    await page.getByText('Remote files now').click()
    await page.locator('[data-component="more"]').getByText('first.dump').waitFor()
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByText('Every copy stays: nothing is deleted.').waitFor()
    await page.getByLabel('Remote retention: keep last N').fill('1')
    const preview = page.locator('#preview')
    await preview.getByText('would be deleted').waitFor()
    assert.match(
      (await preview.textContent()) ?? '',
      /1 file would be deleted\.\s*first\.dump.*the new copy takes the only place:\s*second\.dump\s*goes then too/s,
    )
    assert.equal(dropbox.files().length, 2)
    await page.getByRole('button', { name: 'Save Changes' }).click()
    await page.getByText('The binding is changed.').waitFor()
    await page.getByText('keep last 1').waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('Dropbox Team is paused for Acme.').waitFor()
  })

  step('the overview says what is safe, the audit who did it', async () => {
    await page.getByRole('link', { name: 'Overview' }).click()
    await page.getByText('Every newest backup is safe off-site').waitFor()
    await page.getByRole('link', { name: 'Audit' }).click()
    await page.getByLabel('Search').fill('second')
    await page.locator('th', { hasText: 'upload verified' }).first().waitFor()
    await page.locator('th', { hasText: 'binding updated' }).first().waitFor({ state: 'detached' })
  })

  step('a token is shown once, a user is added, and a logout is one', async () => {
    await page.getByRole('link', { name: 'Settings' }).click()
    await page.getByText('Make token').first().click()
    await page.locator('#add-token').getByLabel('Name').fill('nightly')
    await page.getByRole('button', { name: 'Make token' }).click()
    const token = (await page.locator('#new-token').textContent()) ?? ''
    assert.match(token, /^cloudsync_/)
    await page.goto('/settings')
    assert.ok(!(await page.content()).includes(token))
    await page.getByText('Add user').first().click()
    await page.locator('#add-user').getByLabel('Username').fill('vera')
    await page.locator('#add-user').getByLabel('First password').fill(FIRST)
    await page.getByRole('button', { name: 'Add user' }).click()
    await page.getByText('The user is added').waitFor()
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByText('You are logged out.').waitFor()
  })

  step('the browser had nothing to complain about', () => {
    assert.deepEqual(site.complaints, [])
  })
})
