// The page of a run while it changes under somebody's hands: focus, ticks and opened parts stay, messages go when what they
// say is over; and what Re-upload asks for before it uploads anything.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { appendAudit } from '../../../db/audit.ts'
import type { DropboxEmulator } from '../../clouds/dropbox/index.ts'
import { startDropboxEmulator } from '../../clouds/dropbox/index.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { randomName } from '../../support/rows.ts'
import { createSite, type Site } from '../site.ts'

const MIB = 1024 * 1024
const LONG_MS = 60_000

describe('the page of a run while it changes', () => {
  let site: Site
  let dropbox: DropboxEmulator
  let page: Page
  before(async () => {
    site = await createSite([
      async (authority) => {
        dropbox = await startDropboxEmulator(authority)
        return dropbox
      },
      EMULATORS.onedrive,
    ])
    page = await site.openLoggedIn()
  })
  after(() => site.close())

  const isFocused = (name: string) => page.locator(name).evaluate((element) => element.matches(':focus'))
  const cards = () => page.locator('[data-component="destination"]')

  async function openRun(bytes: number): Promise<string> {
    const { slug } = await site.system.bind()
    const name = randomName('x')
    const archive = await site.system.writeArchive(`${slug}/${name}.dump`, randomBytes(bytes))
    const data = { instance: slug, archive, run_id: name }
    const answer = await page.request.post('/api/runs', { data })
    assert.equal(answer.status(), 202, await answer.text())
    await page.goto(`/runs/${name}`)
    return name
  }

  const uploads = async (id: string) => {
    const rows = await site.system.db.selectFrom('attempts').select('id').where('run_id', '=', id).execute()
    return rows.length
  }

  it('the page of a run keeps the focus and what is opened while the upload moves, and shows what the attempt has sent', async () => {
    dropbox.server.faults.add({ times: 2, operation: 'chunk', action: { kind: 'delay', ms: 3_000 } })
    await openRun(24 * MIB)
    await page.locator('#run-json > summary').click()
    await page.locator('#run-cancel button').focus()
    const card = cards().filter({ hasText: 'dropbox' })
    await card.getByText(/MiB of 24(\.0)? MiB/).waitFor({ timeout: LONG_MS })
    const attempt = page.locator('#run-attempts tr', { hasText: 'running' })
    await attempt.filter({ hasText: /MiB/ }).first().waitFor({ timeout: LONG_MS })
    assert.equal(await isFocused('#run-cancel button'), true)
    assert.notEqual(await page.locator('#run-json').getAttribute('open'), null)
    await page.locator('#run-json > summary').focus()
    await card.getByText('uploaded', { exact: true }).waitFor({ timeout: LONG_MS })
    assert.equal(await isFocused('#run-json > summary'), true)
  })

  it('an uploaded run is not uploaded again without a choice', async () => {
    const id = await openRun(2 * MIB)
    const choice = page.locator('#reupload-choice')
    await choice.waitFor({ timeout: LONG_MS })
    assert.equal(await page.locator('#reupload-failed').count(), 0)
    await choice.locator('summary').click()
    const submit = choice.getByRole('button')
    assert.equal(await submit.isDisabled(), true)
    const before = await uploads(id)
    for (const form of [{}, { what: 'failed' }]) {
      const answer = await page.request.post(`/runs/${id}/reupload`, {
        form,
        headers: { 'sec-fetch-site': 'same-origin', accept: 'text/html' },
      })
      assert.equal(answer.status(), 422)
      assert.match(await answer.text(), /Choose the destinations that are to get it again\./)
    }
    assert.equal(await uploads(id), before)
    await choice.getByRole('checkbox').first().check()
    assert.equal(await submit.isDisabled(), false)
    await choice.getByRole('checkbox').first().uncheck()
    assert.equal(await submit.isDisabled(), true)
    await choice.getByRole('checkbox').first().check()
    dropbox.server.faults.add({ times: 1, operation: 'open', action: { kind: 'delay', ms: 2_000 } })
    await submit.click()
    await page.getByText('The upload goes on.').waitFor()
    await choice.waitFor({ timeout: LONG_MS })
    await page.getByText('The upload goes on.').waitFor({ state: 'detached' })
  })

  it('one button uploads again what failed, and its message disappears when that fails again', async () => {
    dropbox.setQuota(1)
    await openRun(4 * MIB)
    const failed = page.locator('#reupload-failed').getByRole('button', { name: 'Re-upload the 1 failed' })
    await failed.waitFor({ timeout: LONG_MS })
    assert.equal(await page.getByText('What to do: Free space at the destination').count(), 1)
    dropbox.server.faults.add({ times: 1, operation: 'space', action: { kind: 'delay', ms: 2_000 } })
    await failed.click()
    await page.getByText('The upload goes on.').waitFor()
    await failed.waitFor({ timeout: LONG_MS })
    await page.getByText('The upload goes on.').waitFor({ state: 'detached' })
    dropbox.setQuota(2 ** 40)
  })

  it('the audit of a run names the accounts, and folds what is older than ten entries', async () => {
    const run_id = new URL(page.url()).pathname.split('/')[2] ?? ''
    for (const _ of [1, 2, 3]) {
      await appendAudit(site.system.db, { actor: 'user:admin', event: 'retry_requested', run_id })
    }
    await page.reload()
    const audit = page.locator('#run-audit')
    await audit.getByText('sync started').first().waitFor({ state: 'attached' })
    const text = (await audit.textContent()) ?? ''
    assert.doesNotMatch(text, /[0-9a-f]{8}-[0-9a-f]{4}-|[{}]/)
    assert.match(text, /destinations.*dropbox-/s)
    assert.equal(await audit.locator('table').first().locator('tbody > tr:visible').count(), 10)
    await audit.getByText(/older entr/).click()
    assert.ok((await audit.locator('tbody > tr:visible').count()) > 10)
  })

  it('the page of a run has the status of the API when it refuses', async () => {
    const id = new URL(page.url()).pathname.split('/')[2] ?? ''
    await site.system.db
      .updateTable('runs')
      .set({ archive: 'gone/away.dump', archive_path: null, pin_path: null, pin: null })
      .where('id', '=', id)
      .execute()
    const answer = await page.request.post(`/runs/${id}/reupload`, {
      form: { what: 'failed' },
      headers: { 'sec-fetch-site': 'same-origin', accept: 'text/html' },
    })
    assert.equal(answer.status(), 410, await answer.text())
  })

  it('the browser reports no error', () => {
    assert.deepEqual(site.complaints, [])
  })
})
