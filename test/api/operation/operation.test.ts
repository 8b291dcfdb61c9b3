// What people who operate the program look at: probes, the audit trail and the figures.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { randomName } from '../../support/rows.ts'
import { type ApiFixture, assertProblem, createApiFixture, list, text } from '../fixture.ts'

describe('the operation of the API', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  it('probes are answered without a login, everything else only with one', async () => {
    assert.deepEqual((await api.askAnonymously('GET', '/healthz')).body, { status: 'ok' })
    assert.deepEqual((await api.askAnonymously('GET', '/readyz')).body, {
      status: 'ready',
      checks: { database: 'ok', temporal: 'ok', key: 'ok' },
    })
    const refused = await api.askAnonymously('GET', '/api/instances')
    assertProblem(refused, 401)
    assert.match(refused.headers.get('www-authenticate') ?? '', /^Bearer/)
    assertProblem(
      await api.askAnonymously('GET', '/api/instances', undefined, { authorization: 'Bearer no' }),
      401,
    )
    assert.equal((await api.ask('GET', '/api/instances')).status, 200)
  })

  it('the audit trail comes in pages, newest first', async () => {
    for (const _ of [1, 2, 3]) {
      assert.equal((await api.ask('POST', '/api/instances', { slug: randomName('acme') })).status, 201)
    }
    const first = await api.ask('GET', '/api/audit?limit=2')
    const [newest, second] = list(first.body)
    assert.ok(Number(newest?.id) > Number(second?.id))
    const next = await api.ask('GET', `/api/audit?limit=2&cursor=${text(first.body.next_cursor)}`)
    assert.ok(Number(list(next.body)[0]?.id) < Number(second?.id))
    assertProblem(await api.ask('GET', '/api/audit?cursor=made-up'), 422)
    assert.deepEqual(assertProblem(await api.ask('GET', '/api/audit?limit=0'), 422), ['limit'])
    assert.deepEqual(assertProblem(await api.ask('GET', '/api/audit?event=nothing'), 422), ['event'])
  })

  it('/metrics has the figures of this process for Prometheus', async () => {
    assertProblem(await api.askAnonymously('GET', '/metrics'), 401)
    const { text: metrics, headers } = await api.ask('GET', '/metrics')
    assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    assert.match(metrics, /^cloud_sync_open_runs 0$/m)
    assert.match(
      metrics,
      /^cloud_sync_http_requests_total\{method="GET",route="\/api\/audit",status="200"\} \d+$/m,
    )
    for (const line of metrics.trimEnd().split('\n')) {
      assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^{}]*\})? [\d.e+-]+)$/)
    }
  })
})
