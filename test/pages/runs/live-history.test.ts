// What stays fresh by itself in Run History, in a real browser: rows that come, change and go with the filters of a tab,
// the focus that survives it, and tabs that nobody sees.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { databaseNow } from '../../../db/database-server.ts'
import { saveDestination } from '../../../db/runs/destinations.ts'
import { listRuns } from '../../../db/runs/history.ts'
import type { CloudDouble } from '../../clouds/cloud-double.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { pendingDestination, randomName } from '../../support/rows.ts'
import { createSite, type Site } from '../site.ts'

const MIB = 1024 * 1024
const LONG_MS = 60_000

const FAILED = {
  status: 'failed',
  error: { code: 'folder_full', message: 'The folder is full.', retryable: false },
  finished_at: new Date().toISOString(),
} as const

/** What a browser does to a tab that is covered; the one of the tests shows every tab to itself. */
const COVER = `Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
  document.dispatchEvent(new Event('visibilitychange'))`
const UNCOVER = `delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))`

describe('Run History while it is looked at', () => {
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

  const tab = async (path: string) => {
    const one = await page.context().newPage()
    const connected = one.waitForResponse((answer) => answer.url().includes('/live/'))
    await one.goto(path)
    await connected
    return one
  }
  const rowOf = (on: Page, id: string) => on.locator(`tr[id="run-${id}"]`)

  async function handOver(slug: string, bytes = 2 * MIB): Promise<string> {
    const name = randomName('x')
    const archive = await site.system.writeArchive(`${slug}/${name}.dump`, randomBytes(bytes))
    const data = { instance: slug, archive, run_id: name }
    const answer = await page.request.post('/api/runs', { data })
    assert.equal(answer.status(), 202, await answer.text())
    return name
  }

  /** A run that goes wherever the test sends it, without a workflow. */
  async function openRun(slug: string, at?: Date): Promise<string> {
    const createdAt = at ?? new Date(await databaseNow(site.system.db))
    const id = randomName('by-hand')
    const status = { a: pendingDestination({ account: 'One' }), b: pendingDestination({ account: 'Two' }) }
    await site.system.db
      .insertInto('runs')
      .values({
        id,
        instance_slug: slug,
        archive: `${slug}/${id}.dump`,
        workflow_id: `cloud-sync/${slug}/${id}`,
        cloud_sync_status: JSON.stringify(status),
        created_at: createdAt.toISOString(),
      })
      .execute()
    for (const account_id of ['a', 'b']) {
      await site.system.db
        .insertInto('destinations')
        .values({
          ...pendingDestination({ account: account_id }),
          run_id: id,
          account_id,
          error: null,
          hash: null,
          retention: null,
        })
        .execute()
    }
    return id
  }

  const settle = async (id: string, cloud_status: 'failed' | 'uploaded') => {
    const sync_finished_at = new Date().toISOString()
    const change = { cloud_status, sync_finished_at }
    await site.system.db.updateTable('runs').set(change).where('id', '=', id).execute()
  }

  it('a filtered Run History shows a run that begins to fit, changes, and no longer fits', async () => {
    const { slug } = await site.system.bind()
    const id = await openRun(slug)
    const [failed, uploaded, open] = await Promise.all(
      ['failed', 'uploaded', 'pending'].map((status) => tab(`/?status=${status}`)),
    )
    assert.ok(failed !== undefined && uploaded !== undefined && open !== undefined)
    await rowOf(open, id).waitFor()
    assert.equal(await rowOf(failed, id).count(), 0)
    await settle(id, 'failed')
    await rowOf(failed, id).waitFor()
    await rowOf(open, id).waitFor({ state: 'detached' })
    await settle(id, 'uploaded')
    await rowOf(uploaded, id).waitFor()
    await rowOf(failed, id).waitFor({ state: 'detached' })
    for (const one of [failed, uploaded, open]) await one.close()
  })

  it('a later page of Run History gets no new rows, and renews those it has', async () => {
    const { slug } = await site.system.bind()
    const runs: string[] = []
    const now = await databaseNow(site.system.db)
    for (let index = 0; index < 52; index += 1) {
      runs.push(await openRun(slug, new Date(now - (index + 1) * 60_000)))
    }
    await page.goto(`/?instance=${slug}`)
    const connected = page.waitForResponse((answer) => answer.url().includes('/live/'))
    await page.getByRole('link', { name: 'Older' }).click()
    await connected
    const last = runs.at(-1) ?? ''
    await rowOf(page, last).waitFor()
    assert.equal(await page.locator('tbody > tr').count(), 2)
    const added = await openRun(slug)
    await settle(last, 'failed')
    await rowOf(page, last).waitFor()
    await saveDestination(site.system.db, last, 'a', FAILED)
    await rowOf(page, last).locator('[data-state="failed"]').waitFor()
    assert.equal(await rowOf(page, added).count(), 0)
    await page.getByRole('link', { name: 'Newer' }).click()
    await rowOf(page, runs[0] ?? '').waitFor()
    assert.equal(await rowOf(page, added).count(), 0)
    await page.getByRole('link', { name: 'Newer' }).click()
    await rowOf(page, added).waitFor()
    assert.equal(await page.getByRole('link', { name: 'Newer' }).count(), 0)
  })

  it('the filter "failed" finds an open run with a failed destination', async () => {
    const { slug } = await site.system.bind()
    const id = await openRun(slug)
    const failed = await tab(`/?status=failed&instance=${slug}`)
    await failed.getByText('No run matches').waitFor()
    await saveDestination(site.system.db, id, 'a', FAILED)
    await rowOf(failed, id).getByText('in progress, 1 failed').waitFor()
    await rowOf(failed, id).locator('a[data-cover]').click()
    await failed.getByText('in progress, 1 failed').waitFor()
    await failed.close()
  })

  it('Run History keeps the focus and a tooltip while rows are renewed', async () => {
    const { slug } = await site.system.bind()
    await page.goto(`/?instance=${slug}`)
    cloud.server.faults.add({ times: 2, operation: 'chunk', action: { kind: 'delay', ms: 2_000 } })
    const id = await handOver(slug, 24 * MIB)
    await rowOf(page, id).getByText('%').waitFor({ timeout: LONG_MS })
    const link = rowOf(page, id).locator('a[data-cover]')
    await link.focus()
    await rowOf(page, id).locator('[data-state="uploaded"]').waitFor({ timeout: LONG_MS })
    assert.equal(await link.evaluate((element) => element.matches(':focus')), true)
    const mark = rowOf(page, id).locator('[data-component="mark"] button')
    await mark.focus()
    const added = await handOver(slug)
    await rowOf(page, added).waitFor()
    assert.equal(await mark.evaluate((element) => element.matches(':focus')), true)
    await rowOf(page, id).locator('[role="tooltip"]').waitFor({ state: 'visible' })
    await rowOf(page, added).locator('[data-state="uploaded"]').waitFor({ timeout: LONG_MS })
  })

  it('a row of Run History shows the exact time and the folder on hover, and opens the run from there', async () => {
    await page.goto('/')
    const [row] = (await listRuns(site.system.db, { limit: 1 })).items
    assert.ok(row !== undefined)
    const name = rowOf(page, row.id).locator('[data-above]')
    for (const part of [rowOf(page, row.id).locator('td > time'), name]) {
      const box = await part.boundingBox()
      assert.ok(box !== null)
      const top = `document.elementFromPoint(${box.x + box.width / 2}, ${box.y + box.height / 2}).title`
      assert.notEqual(await page.evaluate(top), '')
    }
    assert.equal(await name.getAttribute('title'), row.archive)
    await rowOf(page, row.id).locator('td > time').click()
    await page.waitForURL(`**/runs/${row.id}`)
  })

  it('Run History says when retention deleted a copy', async () => {
    const { slug, bindings } = await site.system.bind()
    const id = await handOver(slug)
    await page.goto(`/?instance=${slug}`)
    const mark = rowOf(page, id).locator('[data-state="uploaded"]')
    await mark.waitFor({ timeout: LONG_MS })
    await site.system.db
      .updateTable('uploaded_files')
      .set({ deleted_at: new Date().toISOString() })
      .where('account_id', '=', bindings[0]?.account_id ?? '')
      .execute()
    await page.reload()
    await mark.hover()
    await mark.getByText('deleted by retention').last().waitFor()
    await page.goto(`/runs/${id}`)
    await page.locator('header').getByText('deleted by retention').waitFor()
  })

  it('Run History filters by days of the browser, and by words that all occur', async () => {
    const { slug } = await site.system.bind()
    const vienna = await site.openLoggedIn({ timezoneId: 'Europe/Vienna' })
    const late = await openRun(slug, new Date('2026-03-01T22:59:00Z'))
    const early = await openRun(slug, new Date('2026-03-01T23:01:00Z'))
    await vienna.goto(`/?instance=${slug}`)
    await vienna.getByLabel('From').fill('2026-03-02')
    await rowOf(vienna, late).waitFor({ state: 'detached' })
    await rowOf(vienna, early).waitFor()
    await vienna.getByLabel('From').fill('')
    await vienna.getByLabel('To', { exact: true }).fill('2026-03-01')
    await rowOf(vienna, early).waitFor({ state: 'detached' })
    await rowOf(vienna, late).waitFor()
    await vienna.goto(`/?q=${slug}+${early.slice(-4)}`)
    await rowOf(vienna, early).waitFor()
    assert.equal(await vienna.locator('tbody > tr').count(), 1)
    await vienna.context().close()
  })

  it('a hidden tab closes its connection, and is up to date when it is visible again', async () => {
    const { slug } = await site.system.bind()
    const tabs: Page[] = []
    for (const path of ['/', '/overview', `/?instance=${slug}`, '/', '/overview', '/']) {
      const one = await page.context().newPage()
      await one.goto(path)
      const ended = one.waitForEvent('requestfailed', (request) => request.url().includes('/live/'))
      await one.evaluate(COVER)
      await ended
      tabs.push(one)
    }
    const seventh = await tab('/overview')
    await seventh.getByRole('link', { name: 'Audit' }).click()
    await seventh.getByRole('heading', { name: 'Audit' }).waitFor()
    const id = await openRun(slug)
    const [first] = tabs
    assert.ok(first !== undefined)
    assert.equal(await rowOf(first, id).count(), 0)
    await first.evaluate(UNCOVER)
    await rowOf(first, id).waitFor()
    for (const one of [...tabs, seventh]) await one.close()
  })

  it('the browser reports no error', () => {
    assert.deepEqual(site.complaints, [])
  })
})
