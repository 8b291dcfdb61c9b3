// The pages of runs without a browser: days of a filter, and what they say and answer while Temporal
// is away.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createApp } from '../../../api/app.ts'
import { historyQuery } from '../../../api/pages/runs/query.ts'
import { createBinding } from '../../../db/instances/bindings.ts'
import { beginSync, saveDestination } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { type ApiFixture, createApiFixture, TOKEN } from '../../api/fixture.ts'
import { createTcpGate, type TcpGate } from '../../api/operation/tcp-gate.ts'
import { pendingDestination, saveArchive, someAccount, someRun } from '../../support/rows.ts'
import { createTestTemporal, type TestTemporal } from '../../support/temporal.ts'

describe('the days of a filter', () => {
  const range = (query: string) => {
    const { from, to } = historyQuery(new URLSearchParams(query)).filter
    return [from, to]
  }

  it("the days of a filter are whole days of the browser's time zone, also when clocks change", () => {
    assert.deepEqual(range('from=2026-11-23&to=2026-11-23'), [
      '2026-11-23T00:00:00.000Z',
      '2026-11-24T00:00:00.000Z',
    ])
    // The clocks of Vienna go forward on 29 March and back on 25 October.
    assert.deepEqual(range('zone=Europe/Vienna&from=2026-03-29&to=2026-03-29'), [
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
    ])
    assert.deepEqual(range('zone=Europe/Vienna&from=2026-10-25&to=2026-10-25'), [
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T23:00:00.000Z',
    ])
    assert.deepEqual(range('zone=America/New_York&from=2026-11-01'), ['2026-11-01T04:00:00.000Z', undefined])
    assert.deepEqual(range('from=2026-11-23T10:00:00Z'), ['2026-11-23T10:00:00Z', undefined])
  })

  it('a day of a filter that does not exist is refused', () => {
    for (const query of ['from=2026-02-30', 'to=soon', 'from=2026-11-23&zone=Nowhere/City', 'zone=%00']) {
      assert.throws(() => historyQuery(new URLSearchParams(query)), /from|to|zone/, query)
    }
  })
})

describe('the page of a run while Temporal is away', () => {
  let server: TestTemporal
  let gate: TcpGate
  let api: ApiFixture
  before(async () => {
    server = await createTestTemporal()
    const [host = '', port = ''] = server.address.split(':')
    gate = await createTcpGate({ host, port: Number(port) })
    api = await createApiFixture({ temporalAddress: `127.0.0.1:${gate.port}` })
    await api.temporal.check()
    await gate.close()
  })
  after(async () => {
    await gate.open()
    await api.close()
    await gate.close()
    await server.close()
  })

  const headers = { authorization: `Bearer ${TOKEN}`, accept: 'text/html' }

  async function runWith(status: 'failed' | null) {
    const run = await someRun(api.db)
    const account = await someAccount(api.db)
    await createBinding(api.db, { instance_slug: run.instance_slug, account_id: account.id })
    await beginSync(api.db, run.id, { [account.id]: pendingDestination({ account: account.name }) })
    if (status === null) return run
    const error = { code: 'folder_full', message: 'The folder is full.', retryable: false }
    const finished_at = new Date().toISOString()
    await saveDestination(api.db, run.id, account.id, { status, error, finished_at })
    await finishSync(api.db, run.id, status)
    return run
  }

  it('the page of a run says how old the progress is while Temporal is away', async () => {
    const { id } = await runWith(null)
    const text = await (await api.app.request(`/runs/${id}`, { headers })).text()
    assert.match(text, /Progress as of <time datetime="[^"]+" data-style="clock"[^>]*>\d\d:\d\d:\d\d UTC</)
  })

  it('the page of an open run says whether its archive is kept, and whether the file has to stay', async () => {
    const { id } = await runWith(null)
    const page = async () => (await api.app.request(`/runs/${id}`, { headers })).text()
    assert.match(await page(), /Archive kept<\/dt><dd>not yet: the file has to stay</)
    const archive = { size: 7, archive_path: '/x/a.dump', archive_mtime_ns: '1' }
    await saveArchive(api.db, id, { ...archive, pin: 'linked', pin_path: '/x/.cloud-sync/r/a.dump' })
    assert.match(await page(), /Archive kept<\/dt><dd>by a hard link: the file may be deleted</)
    await saveArchive(api.db, id, { ...archive, pin: 'original', pin_path: null })
    assert.match(await page(), /Archive kept<\/dt><dd>no: the original is used, and has to stay</)
  })

  it('the page of a run refuses a re-upload as the API does, and keeps its choice', async () => {
    const { id } = await runWith('failed')
    const answer = await api.app.request(`/runs/${id}/reupload`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'what=failed',
    })
    assert.equal(answer.status, 503)
    assert.match(await answer.text(), /Re-upload the 1 failed|in progress/)
  })

  it('a workflow link says when it opens on the server only', async () => {
    const { id } = await runWith('failed')
    const app = createApp({ ...api, temporalUi: { url: 'http://127.0.0.1:8233', namespace: 'default' } })
    const title = async (host: string) => {
      const text = await (await app.request(`http://${host}/runs/${id}`, { headers })).text()
      return /id="run-workflow"[^>]*?(?: title="([^"]*)")?\s*>/.exec(text)?.[1] ?? null
    }
    assert.equal(await title('sync.example:8080'), 'Opens on the server only, at 127.0.0.1:8233')
    assert.equal(await title('localhost:8080'), null)
  })
})
