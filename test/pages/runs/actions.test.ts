// What can be done to a run that is under way, in a real browser: watch its rate, end a wait, cancel it.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import type { CloudDouble } from '../../clouds/cloud-double.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { createSite, type Site } from '../site.ts'

const MIB = 1024 * 1024
const LARGE = 24 * MIB

describe('a run that is under way', () => {
  let site: Site
  let cloud: CloudDouble
  let page: Page
  before(async () => {
    site = await createSite([EMULATORS.dropbox])
    const [only] = site.system.clouds
    assert.ok(only !== undefined)
    cloud = only
    page = await site.openLoggedIn()
  })
  after(() => site.close())

  const openRun = async () => {
    const { slug } = await site.system.bind()
    const archive = await site.system.writeArchive(`${slug}/x.dump`, randomBytes(LARGE))
    const answer = await page.request.post('/api/runs', { data: { instance: slug, archive } })
    assert.equal(answer.status(), 202, await answer.text())
    const { id }: { id: string } = await answer.json()
    await page.goto(`/runs/${id}`)
    return page.locator('[data-component="destination"]')
  }

  it('the page of an open run shows how much is sent, how fast, and how long it still takes', async () => {
    cloud.server.faults.add({ times: 2, operation: 'chunk', action: { kind: 'delay', ms: 6_000 } })
    const card = await openRun()
    await card.getByText(/MiB of 24(\.0)? MiB \(\d+%\)/).waitFor({ timeout: 30_000 })
    await card.getByText(/MiB\/s/).waitFor({ timeout: 30_000 })
    await card.getByText(/left/).waitFor({ timeout: 30_000 })
    await card.getByText('uploaded', { exact: true }).waitFor({ timeout: 60_000 })
  })

  it('"Retry now" on the page of a run ends the wait for the next attempt', async () => {
    cloud.server.faults.add({
      times: 1,
      operation: 'open',
      action: { kind: 'status', status: 429, headers: { 'Retry-After': '600' } },
    })
    const card = await openRun()
    await card.getByText('retrying', { exact: true }).waitFor({ timeout: 30_000 })
    await page.getByRole('button', { name: 'Retry now' }).click()
    await card.getByText('uploaded', { exact: true }).waitFor({ timeout: 60_000 })
  })

  it('"Cancel" on the page of a run asks first, and leaves nothing at the destination', async () => {
    const before = cloud.files().length
    cloud.server.faults.add({ times: 1, operation: 'chunk', action: { kind: 'delay', ms: 20_000 } })
    const card = await openRun()
    await card.getByText('uploading', { exact: true }).waitFor({ timeout: 30_000 })
    page.once('dialog', (dialog) => void dialog.accept())
    await page.getByRole('button', { name: 'Cancel' }).click()
    await card.getByText('cancelled', { exact: true }).waitFor({ timeout: 60_000 })
    await page.getByText('run cancel requested').or(page.getByText('cancel requested')).first().waitFor()
    assert.equal(cloud.files().length, before)
    await page.getByRole('button', { name: 'Re-upload' }).waitFor()
  })

  it('the page of a run links to its workflow in the Temporal Web UI', async () => {
    const link = page.getByRole('link', { name: /Temporal/ })
    assert.match(
      (await link.getAttribute('href')) ?? '',
      /^http:\/\/127\.0\.0\.1:8233\/namespaces\/default\/workflows\/cloud-sync%2F/,
    )
  })

  it('the browser reports no error', () => {
    assert.deepEqual(site.complaints, [])
  })
})
