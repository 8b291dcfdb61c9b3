// PostgreSQL and Temporal that hang: connections stand, no byte comes back. Nobody waits for ever, and nobody for minutes.

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { createApp } from '../../../api/app.ts'
import { ActivityRefused, TemporalUnavailable } from '../../../api/temporal/failures.ts'
import { createServerWatch } from '../../../api/temporal/server-watch.ts'
import { type Db, openDatabase, withoutTimeouts } from '../../../db/database.ts'
import { isDatabaseAway } from '../../../db/database-errors.ts'
import { getRun } from '../../../db/runs/runs.ts'
import { recordRunToStart } from '../../../db/runs/starts.ts'
import { randomName, someAccount, someInstance } from '../../support/rows.ts'
import { createTestTemporal, type TestTemporal } from '../../support/temporal.ts'
import { type ApiFixture, askOf, assertProblem, at, createApiFixture, TOKEN } from '../fixture.ts'
import { createTcpGate, type TcpGate } from './tcp-gate.ts'

const headers = { authorization: `Bearer ${TOKEN}` }

describe('the API, while PostgreSQL hangs', () => {
  let api: ApiFixture
  let gate: TcpGate
  let db: Db
  before(async () => {
    api = await createApiFixture()
    const url = new URL(api.databaseUrl ?? '')
    gate = await createTcpGate({ host: url.hostname, port: Number(url.port) })
    url.host = `127.0.0.1:${gate.port}`
    db = openDatabase(url.href, { log: { warn: () => {} }, statementTimeoutMs: 500 })
  })
  afterEach(() => gate.thaw())
  after(async () => {
    gate.thaw()
    await db.destroy()
    await gate.close()
    await api.close()
  })

  it('/readyz names the part that hangs, and says when to ask again', async () => {
    const ask = askOf(createApp({ ...api, db }))
    assert.equal((await ask('GET', '/readyz')).status, 200)
    gate.freeze()
    // The second one is asked while the first one's question is still under way.
    for (const answer of await Promise.all([ask('GET', '/readyz'), ask('GET', '/readyz')])) {
      assertProblem(answer, 503)
      assert.deepEqual(at(answer.body, 'checks'), { database: 'unavailable', temporal: 'ok', key: 'ok' })
      assert.equal(answer.headers.get('retry-after'), '5')
    }
    assert.equal((await ask('GET', '/healthz')).status, 200)
    gate.thaw()
    assert.equal((await ask('GET', '/readyz')).status, 200)
  })

  it('probes and pages share one check of a part that hangs', async () => {
    let looks = 0
    let answer: () => void = () => undefined
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    const check = async () => {
      looks += 1
      await answered
    }
    const ask = askOf(createApp({ ...api, temporal: { ...api.temporal, check } }))
    const asked = ['/readyz', '/overview', '/settings'].map((path) => ask('GET', path, undefined, headers))
    await Promise.all(asked)
    answer()
    assert.equal(looks, 1)
  })

  it('a request gets a 503 while PostgreSQL hangs, before the server itself times out', async () => {
    const ask = askOf(createApp({ ...api, db }))
    assert.equal((await ask('GET', '/api/instances', undefined, headers)).status, 200)
    gate.freeze()
    const answer = await ask('GET', '/api/instances', undefined, headers)
    assertProblem(answer, 503)
    assert.equal(answer.headers.get('retry-after'), '5')
    gate.thaw()
    assert.equal((await ask('GET', '/api/instances', undefined, headers)).status, 200)
  })

  it('long work such as a migration is waited for', async () => {
    const slow = sql`select pg_sleep(1)`
    await assert.rejects(slow.execute(db), isDatabaseAway)
    await withoutTimeouts(db, (unlimited) => slow.execute(unlimited))
  })
})

describe('the API, while Temporal hangs', () => {
  let server: TestTemporal
  let api: ApiFixture
  let gate: TcpGate
  before(async () => {
    server = await createTestTemporal()
    const [host = '', port = ''] = server.address.split(':')
    gate = await createTcpGate({ host, port: Number(port) })
    api = await createApiFixture({ temporalAddress: `127.0.0.1:${gate.port}` })
  })
  afterEach(() => gate.thaw())
  after(async () => {
    gate.thaw()
    await api.close()
    await gate.close()
    await server.close()
  })

  it('a request that needs a worker gets a 503 while Temporal hangs, and is told when to ask again', async () => {
    const account = await someAccount(api.db)
    const { slug } = await someInstance(api.db)
    const bound = await api.ask('POST', `/api/instances/${slug}/bindings`, { account_id: account.id })
    await api.temporal.check()
    gate.freeze()
    const answers = await Promise.all([
      api.ask('POST', `/api/accounts/${account.id}/check`),
      api.ask('GET', `/api/bindings/${bound.body.id}/remote-files`),
      api.ask('GET', `/api/bindings/${bound.body.id}/prune-preview?keep_last=1`),
    ])
    for (const answer of answers) {
      assertProblem(answer, 503)
      assert.equal(answer.headers.get('retry-after'), '5')
    }
  })

  it('a run that Temporal never received can be cancelled, and is not started when Temporal is back', async () => {
    const { slug } = await someInstance(api.db)
    const id = randomName('owed')
    const values = {
      id,
      instance_slug: slug,
      archive: `${slug}/x.zip`,
      workflow_id: `cloud-sync/${slug}/${id}`,
    }
    await recordRunToStart(api.db, values)
    gate.freeze()
    const cancelled = await api.ask('POST', `/api/runs/${id}/cancel`)
    assert.equal(cancelled.status, 202, cancelled.text)
    assert.equal(cancelled.body.cloud_status, 'cancelled')
    assert.equal(at(cancelled.body, 'error').code, 'cancelled')
    assert.equal((await getRun(api.db, id))?.start_requested_at, null)
    gate.thaw()
    await api.temporal.check()
    assert.deepEqual(await api.temporal.syncState(values.workflow_id), { is: 'unknown' })
  })

  it('a run that Temporal may have received is not cancelled while Temporal hangs', async () => {
    const { slug } = await someInstance(api.db)
    const id = randomName('begun')
    const values = {
      id,
      instance_slug: slug,
      archive: `${slug}/x.zip`,
      workflow_id: `cloud-sync/${slug}/${id}`,
    }
    await recordRunToStart(api.db, values)
    await sql`update runs set start_requested_at = null where id = ${id}`.execute(api.db)
    gate.freeze()
    assertProblem(await api.ask('POST', `/api/runs/${id}/cancel`), 503)
    assert.equal((await getRun(api.db, id))?.cloud_status, 'pending')
  })
})

describe('waiting for the answer of a worker', () => {
  const away = () => Promise.reject(new TemporalUnavailable('no answer', 4))

  it('the wait for a worker ends when the server hangs, and not at one missed answer', async () => {
    let asked = 0
    let isAway = false
    const watch = createServerWatch(() => {
      asked += 1
      return isAway || asked === 2 ? away() : Promise.resolve()
    }, 5)
    const never = watch(async () => {
      while (asked < 5) await delay(1)
      isAway = true
      return new Promise<never>(() => {})
    })
    await assert.rejects(never, TemporalUnavailable)
    assert.ok(asked > 5)
  })

  it('the wait for a worker ends with its answer or refusal, and the server is not asked after that', async () => {
    let asked = 0
    const watch = createServerWatch(async () => {
      asked += 1
    }, 5)
    assert.equal(await watch(async () => 'done'), 'done')
    await assert.rejects(
      watch(() => Promise.reject(new ActivityRefused('folder_missing', 'gone'))),
      ActivityRefused,
    )
    assert.equal(asked, 2)
  })

  it('the wait for a worker does not begin while the server is away, but does when it refuses to answer', async () => {
    let isBegun = false
    const work = async () => {
      isBegun = true
    }
    await assert.rejects(createServerWatch(away)(work), TemporalUnavailable)
    assert.equal(isBegun, false)
    await createServerWatch(() => Promise.reject(new TemporalUnavailable('not allowed', 7)))(work)
    assert.equal(isBegun, true)
  })
})
