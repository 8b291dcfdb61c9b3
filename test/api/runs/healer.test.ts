// Runs that nobody looks after: written but not started, or with a workflow that is gone.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { createApp } from '../../../api/app.ts'
import { healRuns, startRunHealer } from '../../../api/runs/healer.ts'
import { connectTemporal } from '../../../api/temporal/client.ts'
import { openDatabase } from '../../../db/database.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { getRun } from '../../../db/runs/runs.ts'
import { recordRunToStart } from '../../../db/runs/starts.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { pendingDestination, randomName, someInstance, someRun } from '../../support/rows.ts'
import { createTestTemporal, type TestTemporal } from '../../support/temporal.ts'
import { until } from '../../support/until.ts'
import { type ApiFixture, askOf, assertProblem, createApiFixture, TOKEN, text } from '../fixture.ts'
import { createTcpGate, type TcpGate } from '../operation/tcp-gate.ts'

const AT_ONCE = { quietForMs: 0 }
const OWED_ONLY = { quietForMs: 3_600_000 }

describe('a run that nobody looks after', () => {
  let server: TestTemporal
  let gate: TcpGate
  let api: ApiFixture
  before(async () => {
    server = await createTestTemporal()
    const [host = '', port = ''] = server.address.split(':')
    gate = await createTcpGate({ host, port: Number(port) })
    api = await createApiFixture({ temporalAddress: `127.0.0.1:${gate.port}` })
  })
  after(async () => {
    await api.close()
    await gate.close()
    await server.close()
  })

  const owedRun = async () => {
    const { slug } = await someInstance(api.db)
    const id = randomName('owed')
    const values = {
      id,
      instance_slug: slug,
      archive: `${slug}/x.zip`,
      workflow_id: `cloud-sync/${slug}/${id}`,
    }
    const { run } = await recordRunToStart(api.db, { ...values, database: 'prod' })
    return run
  }
  const describeRun = (workflowId: string) => server.client.workflow.getHandle(workflowId).describe()
  const isOpen = async (workflowId: string) => (await describeRun(workflowId)).status.name === 'RUNNING'
  const owed = async (id: string) => (await getRun(api.db, id))?.start_requested_at !== null

  it('a run is started when the API died between its row and its start', async () => {
    const run = await owedRun()
    await healRuns(api, AT_ONCE)
    assert.equal(await isOpen(run.workflow_id), true)
    assert.equal(await owed(run.id), false)
    const described = await describeRun(run.workflow_id)
    assert.equal(described.searchAttributes.OdooInstance?.[0], run.instance_slug)
    assert.equal(described.searchAttributes.BackupRunId?.[0], run.id)
    assert.equal(await described.staticSummary(), `${run.instance_slug}: ${run.archive}`)
  })

  it('a run is started once, however many healers there are', async () => {
    const run = await owedRun()
    await Promise.all([1, 2, 3].map(() => healRuns(api, AT_ONCE)))
    const executions = []
    for await (const execution of server.client.workflow.list({
      query: `WorkflowId = '${run.workflow_id}'`,
    })) {
      executions.push(execution)
    }
    assert.ok(executions.length <= 1)
    assert.equal(await isOpen(run.workflow_id), true)
  })

  it('a run is not started again when its sync has begun in the meantime', async () => {
    const run = await owedRun()
    await beginSync(api.db, run.id, {})
    await healRuns(api, OWED_ONLY)
    assert.equal(await owed(run.id), false)
    await assert.rejects(describeRun(run.workflow_id))
  })

  it('a run is recorded with a 503 while Temporal is away, and starts by itself when Temporal is back', async () => {
    const { slug } = await someInstance(api.db)
    await gate.close()
    const body = { instance: slug, archive: `${slug}/x.zip`, run_id: randomName('away') }
    const refused = await api.ask('POST', '/api/runs', body)
    assertProblem(refused, 503)
    assert.equal(refused.headers.get('retry-after'), '5')
    assert.equal(refused.body.run_id, body.run_id)
    const shown = await api.ask('GET', `/api/runs/${body.run_id}`)
    assert.equal(shown.body.cloud_status, 'pending')
    assert.equal(await owed(body.run_id), true)
    const readiness = await api.askAnonymously('GET', '/readyz')
    assert.equal(readiness.status, 503)
    assert.deepEqual(readiness.body.checks, { database: 'ok', temporal: 'unavailable', key: 'ok' })
    assertProblem(await api.ask('POST', `/api/runs/${body.run_id}/reupload`), 503)

    const healer = startRunHealer(api, {
      everyMs: 100,
      firstPauseMs: 50,
      longestPauseMs: 100,
      pinsEveryMs: 3_600_000,
      ...OWED_ONLY,
    })
    await gate.open()
    await until('the run has started', async () => ((await owed(body.run_id)) ? null : true))
    await healer.stop()
    assert.equal(await isOpen(`cloud-sync/${slug}/${body.run_id}`), true)
  })

  it('a run that never reached Temporal can be cancelled, and is not started then', async () => {
    const run = await owedRun()
    const cancelled = await api.ask('POST', `/api/runs/${run.id}/cancel`)
    assert.equal(cancelled.status, 202, cancelled.text)
    assert.equal(cancelled.body.cloud_status, 'cancelled')
    await healRuns(api, AT_ONCE)
    await assert.rejects(describeRun(run.workflow_id))
  })

  it('a run whose workflow was terminated is cancelled with a reason, and can be uploaded again', async () => {
    const run = await owedRun()
    await healRuns(api, AT_ONCE)
    await beginSync(api.db, run.id, { 'account-1': pendingDestination() })
    await server.client.workflow.getHandle(run.workflow_id).terminate('by hand')
    await healRuns(api, AT_ONCE)
    const settled = await getRun(api.db, run.id)
    assert.equal(settled?.cloud_status, 'cancelled')
    assert.equal(settled?.error?.code, 'cancelled')
    assert.match(settled?.error?.message ?? '', /terminated/)
    assert.equal(settled?.cloud_sync_status['account-1']?.status, 'cancelled')
    const { items } = await listAudit(api.db, { limit: 10, run_id: run.id })
    assert.deepEqual(
      items.map(({ event, account_id }) => [event, account_id]),
      [
        ['sync_finished', null],
        ['upload_cancelled', 'account-1'],
      ],
    )
    const again = await api.ask('POST', `/api/runs/${run.id}/reupload`)
    assert.equal(again.status, 202, again.text)
    assert.equal(await isOpen(run.workflow_id), true)
  })

  it('a lost run is settled together with its audit entry, or not at all', async () => {
    const run = await owedRun()
    await healRuns(api, AT_ONCE)
    await beginSync(api.db, run.id, { 'account-1': pendingDestination() })
    await server.client.workflow.getHandle(run.workflow_id).terminate('by hand')
    await sql`alter table audit_log add constraint no_end check (event <> 'sync_finished') not valid`.execute(
      api.db,
    )
    await assert.rejects(healRuns(api, AT_ONCE), /no_end/)
    const untouched = await getRun(api.db, run.id)
    assert.equal(untouched?.cloud_status, 'pending')
    assert.equal(untouched?.cloud_sync_status['account-1']?.status, 'pending')
    await sql`alter table audit_log drop constraint no_end`.execute(api.db)
    await healRuns(api, AT_ONCE)
    assert.equal((await getRun(api.db, run.id))?.cloud_status, 'cancelled')
  })

  it('a run counts as uploaded when only the end of its workflow is missing', async () => {
    const run = await owedRun()
    await healRuns(api, AT_ONCE)
    const hash = { algorithm: 'dropbox_content_hash', value: 'ab'.repeat(32) } as const
    const time = '2026-11-23T10:00:00.000Z'
    const proven = { remote_id: 'id:1', remote_path: '/x', size: 1, hash, finished_at: time }
    const copy = pendingDestination({ ...proven, status: 'uploaded' })
    await beginSync(api.db, run.id, { 'account-1': copy })
    await server.client.workflow.getHandle(run.workflow_id).terminate('by hand')
    await healRuns(api, AT_ONCE)
    const settled = await getRun(api.db, run.id)
    assert.deepEqual([settled?.cloud_status, settled?.error], ['uploaded', null])
    assert.deepEqual(settled?.cloud_sync_status['account-1']?.finished_at, time)
  })

  it('a lost run is found behind any number of runs that wait', async () => {
    const lost = await someRun(api.db)
    await beginSync(api.db, lost.id, {})
    for (let count = 0; count < 120; count += 1) await beginSync(api.db, (await someRun(api.db)).id, {})
    const syncState = async (id: string) =>
      id === lost.workflow_id ? ({ is: 'closed', failure: null } as const) : ({ is: 'open' } as const)
    await healRuns({ ...api, temporal: { ...api.temporal, syncState } }, AT_ONCE)
    const settled = await getRun(api.db, lost.id)
    assert.equal(settled?.cloud_status, 'failed')
    assert.equal(settled?.error?.code, 'internal_error')
    await sql`update runs set cloud_status = 'none', sync_finished_at = now() where cloud_status = 'pending'`.execute(
      api.db,
    )
  })

  it('a run is started again when Temporal lost its workflow with its data', async () => {
    const run = await someRun(api.db)
    await beginSync(api.db, run.id, { 'account-1': pendingDestination() })
    await healRuns(api, AT_ONCE)
    assert.equal(await isOpen(run.workflow_id), true)
  })

  it('a run with an open workflow is left alone', async () => {
    const run = await owedRun()
    await healRuns(api, AT_ONCE)
    const before = await getRun(api.db, run.id)
    await healRuns(api, AT_ONCE)
    assert.deepEqual(await getRun(api.db, run.id), before)
  })
})

describe('the API without its database', () => {
  it('the API answers 503 with Retry-After while the database is away, and continues when it is back', async () => {
    const api = await createApiFixture()
    const url = new URL(api.databaseUrl ?? '')
    const gate = await createTcpGate({ host: url.hostname, port: Number(url.port) })
    url.port = String(gate.port)
    const db = openDatabase(url.href, { log: { warn: () => {} } })
    const temporal = connectTemporal({ address: '127.0.0.1:1', taskQueue: 'none' })
    const ask = askOf(createApp({ ...api, db, temporal }))
    const headers = { authorization: `Bearer ${TOKEN}` }
    assert.equal((await ask('GET', '/api/runs', undefined, headers)).status, 200)
    await gate.close()
    const answer = await ask('GET', '/api/runs', undefined, headers)
    assertProblem(answer, 503)
    assert.equal(answer.headers.get('retry-after'), '5')
    assert.ok(!text(answer.body.detail).includes(String(gate.port)))
    await gate.open()
    assert.equal((await ask('GET', '/api/runs', undefined, headers)).status, 200)
    await temporal.close()
    await db.destroy()
    await gate.close()
    await api.close()
  })
})
