// Temporal is away: every page says that uploads stand still, whoever waits for an answer gets one within seconds, and
// all of it ends by itself.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { createTcpGate, type TcpGate } from '../../api/operation/tcp-gate.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { until } from '../../support/until.ts'
import { createSite, type Site } from '../site.ts'

/** What is there again is found within this time: of the reconnecting, of the last look, and of the page's asking. */
const BACK_WITHIN = { timeout: 60_000 }

describe('while Temporal is away', () => {
  let site: Site
  let gate: TcpGate
  let page: Page
  let instance: string
  let accountId: string
  before(async () => {
    site = await createSite([EMULATORS.dropbox], {
      temporalFor: async (address) => {
        gate = await createTcpGate({ host: '127.0.0.1', port: Number(address.split(':').at(-1)) })
        return `127.0.0.1:${gate.port}`
      },
    })
    const { slug, bindings } = await site.system.bind({ keep_last: 2 })
    instance = slug
    accountId = bindings[0]?.account_id ?? ''
    page = await site.openLoggedIn()
    await page.goto('/overview')
    assert.equal(await page.locator('#standstill').textContent(), '')
    await gate.close()
  })
  after(async () => {
    await site.close()
    await gate.close()
  })

  const standstill = async () => (await page.request.get('/live/standstill')).text()

  it('the overview says at once that Temporal is away, and no verdict is green', async () => {
    await until('uploads stand still', async () => (await standstill()) || null)
    await page.goto('/overview')
    const notice = page.locator('#standstill')
    await notice.getByText('Uploads stand still:').waitFor()
    assert.match((await notice.textContent()) ?? '', /Temporal does not answer, at least since \S+/)
    assert.notEqual(await page.locator('[data-component="verdict"]').getAttribute('data-kind'), 'success')
  })

  it('every page says that Temporal is away', async () => {
    await page.goto('/audit')
    await page.locator('#standstill').getByText('Uploads stand still:').waitFor()
  })

  it('"Test connection" says that nothing can be tried while Temporal is away', async () => {
    await page.goto(`/cloud/${accountId}`)
    await page.getByRole('button', { name: 'Test connection' }).click()
    await page.locator('#check-result').getByText('Temporal does not answer').waitFor()
  })

  it('"Check now" says once in the card that Temporal is away', async () => {
    await page.goto('/cloud')
    await page.locator(`#account-${accountId}`).getByText('Temporal does not answer').waitFor()
    await page.getByText('Not checked yet').waitFor()
  })

  it('the preview of retention can be tried again, and comes when Temporal is back', async () => {
    await page.goto(`/instances/${instance}/bindings/new`)
    const [binding] = await site.system.db
      .selectFrom('bindings')
      .select('id')
      .where('instance_slug', '=', instance)
      .execute()
    await page.goto(`/instances/${instance}/bindings/${binding?.id}`)
    const preview = page.locator('#preview')
    await preview.getByText('Temporal does not answer').waitFor()
    await gate.open()
    await until('uploads go on', async () => ((await standstill()) === '' ? true : null))
    await preview.getByRole('button', { name: 'Try again' }).click()
    await preview.getByText('As things stand now, nothing would be deleted.').waitFor(BACK_WITHIN)
    assert.equal(await preview.getByRole('button', { name: 'Try again' }).count(), 0)
  })

  it('the notice that uploads stand still disappears by itself', async () => {
    await page
      .locator('#standstill')
      .getByText('Uploads stand still:')
      .waitFor({
        ...BACK_WITHIN,
        state: 'detached',
      })
  })

  it('the browser reports no error', () => {
    assert.deepEqual(site.complaints, [])
  })
})
