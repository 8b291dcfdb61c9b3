// Many who would start the same run: healers of several processes, requests that are repeated, a cancellation.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createApp } from '../../../api/app.ts'
import { type HealerTimes, healRuns, startRunHealer } from '../../../api/runs/healer.ts'
import { startRequested } from '../../../api/runs/starter.ts'
import type { TemporalClient } from '../../../api/temporal/client.ts'
import { TemporalUnavailable } from '../../../api/temporal/failures.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { getRun } from '../../../db/runs/runs.ts'
import { recordRunToStart } from '../../../db/runs/starts.ts'
import { randomName, someInstance } from '../../support/rows.ts'
import { createTestTemporal, type TestTemporal } from '../../support/temporal.ts'
import { until } from '../../support/until.ts'
import { type ApiFixture, askOf, assertProblem, createApiFixture, TOKEN } from '../fixture.ts'

const OWED_ONLY = { quietForMs: 3_600_000 }
/** Sleeps longer than any test waits. */
const SLEEPY: HealerTimes = {
  everyMs: 600_000,
  firstPauseMs: 10,
  longestPauseMs: 10,
  pinsEveryMs: 600_000,
  ...OWED_ONLY,
}

/** Holds whoever passes until it is opened. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

describe('a requested start', () => {
  let server: TestTemporal
  let api: ApiFixture
  before(async () => {
    server = await createTestTemporal()
    api = await createApiFixture({ temporalAddress: server.address })
  })
  after(async () => {
    await api.close()
    await server.close()
  })

  const owedRun = async () => {
    const { slug } = await someInstance(api.db)
    const id = randomName('owed')
    const values = { id, instance_slug: slug, archive: `${slug}/x.zip` }
    const { run } = await recordRunToStart(api.db, { ...values, workflow_id: `cloud-sync/${slug}/${id}` })
    return run
  }
  const owed = async (id: string) => (await getRun(api.db, id))?.start_requested_at !== null
  const execution = async (workflowId: string) =>
    (await server.client.workflow.getHandle(workflowId).describe()).runId
  const withTemporal = (change: Partial<TemporalClient>) => ({
    ...api,
    temporal: { ...api.temporal, ...change },
  })
  const headers = { authorization: `Bearer ${TOKEN}` }

  it('a requested start is made once, although a delayed healer had it in its list', async () => {
    const [first, second] = [await owedRun(), await owedRun()]
    const held = gate()
    let isHeld = false
    const slow = withTemporal({
      startSync: async (input) => {
        isHeld = true
        await held.opened
        return api.temporal.startSync(input)
      },
    })
    const late = healRuns(slow, OWED_ONLY)
    await until('the slow healer is at the first run', async () => (isHeld ? true : null))
    await healRuns(api, OWED_ONLY)
    const only = await execution(second.workflow_id)
    // The second run is synced while the slow healer still waits with its list.
    await beginSync(api.db, second.id, {})
    await server.client.workflow.getHandle(second.workflow_id).terminate('it has ended')
    await finishSync(api.db, second.id, 'uploaded')
    held.open()
    await late
    assert.equal(await execution(second.workflow_id), only)
    assert.equal((await getRun(api.db, second.id))?.cloud_status, 'uploaded')
    assert.deepEqual([await owed(first.id), await owed(second.id)], [false, false])
  })

  it('a requested start is made once, although a delayed request saw it', async () => {
    const run = await owedRun()
    assert.equal(await startRequested(api, run), 'started')
    const only = await execution(run.workflow_id)
    await beginSync(api.db, run.id, {})
    await server.client.workflow.getHandle(run.workflow_id).terminate('it has ended')
    await finishSync(api.db, run.id, 'uploaded')
    assert.equal(await startRequested(api, run), 'not_requested')
    assert.equal(await execution(run.workflow_id), only)
  })

  it('a requested start is made soon after the healer was woken, however young it is', async () => {
    const looked = await owedRun()
    const healer = startRunHealer(api, SLEEPY)
    await until('the healer has looked', async () => ((await owed(looked.id)) ? null : true))
    const run = await owedRun()
    healer.wake()
    await until('the run has started', async () => ((await owed(run.id)) ? null : true))
    await healer.stop()
  })

  it('a healer that is woken during a round makes another one soon, and never two at once', async () => {
    const [first, second] = [await owedRun(), await owedRun()]
    const held = gate()
    let atOnce = 0
    let most = 0
    let isHeld = false
    const slow = withTemporal({
      startSync: async (input) => {
        atOnce += 1
        most = Math.max(most, atOnce)
        isHeld = true
        await held.opened
        atOnce -= 1
        return api.temporal.startSync(input)
      },
    })
    const healer = startRunHealer(slow, SLEEPY)
    await until('the look is held up', async () => (isHeld ? true : null))
    healer.wake()
    const third = await owedRun()
    // What a second look would do by now, it does not do; the third run may be in the list of the first.
    setTimeout(held.open, 20 * SLEEPY.firstPauseMs)
    for (const run of [first, second, third]) {
      await until('the run has started', async () => ((await owed(run.id)) ? null : true))
    }
    assert.equal(most, 1)
    await healer.stop()
  })

  it('a stopped healer first finishes the start that it is making', async () => {
    const run = await owedRun()
    const held = gate()
    let isHeld = false
    let isDone = false
    const slow = withTemporal({
      startSync: async (input) => {
        isHeld = true
        await held.opened
        const outcome = await api.temporal.startSync(input)
        isDone = true
        return outcome
      },
    })
    const healer = startRunHealer(slow, SLEEPY)
    await until('the look is held up', async () => (isHeld ? true : null))
    healer.wake()
    setTimeout(held.open, 20 * SLEEPY.firstPauseMs)
    await healer.stop()
    assert.equal(isDone, true)
    assert.equal(await owed(run.id), false)
  })

  it('a start that Temporal refuses stays requested, and does not delay others', async () => {
    const [refused, behind] = [await owedRun(), await owedRun()]
    const strict = withTemporal({
      startSync: async (input) => {
        if (input.run_id === refused.id) throw new TemporalUnavailable('gRPC status 3: too long', 3)
        return api.temporal.startSync(input)
      },
    })
    await healRuns(strict, OWED_ONLY)
    assert.deepEqual([await owed(refused.id), await owed(behind.id)], [true, false])
    await healRuns(api, OWED_ONLY)
    assert.equal(await owed(refused.id), false)
  })

  it('Temporal accepts a start whatever alphabet the path is written in', async () => {
    const { slug } = await someInstance(api.db)
    const archive = `${'备份'.repeat(20)}/`.repeat(20).concat('数据库.zip')
    const answer = await api.ask('POST', '/api/runs', { instance: slug, archive, run_id: randomName('long') })
    assert.equal(answer.status, 202, answer.text)
    const handle = server.client.workflow.getHandle(`cloud-sync/${slug}/${String(answer.body.id)}`)
    assert.match((await (await handle.describe()).staticSummary()) ?? '', /^acme-[0-9a-f]+: (备份)+/)
  })

  it('a requested start that is made during its cancellation is cancelled with its workflow', async () => {
    const run = await owedRun()
    let tries = 0
    const racing = withTemporal({
      cancelSync: async (id) => {
        tries += 1
        const isCancelled = await api.temporal.cancelSync(id)
        if (tries === 1) await startRequested(api, run)
        return isCancelled
      },
    })
    const answer = await askOf(createApp(racing))('POST', `/api/runs/${run.id}/cancel`, undefined, headers)
    assert.equal(answer.status, 202, answer.text)
    const { events } = await server.client.workflow.getHandle(run.workflow_id).fetchHistory()
    assert.ok(events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes != null))
    assert.equal((await getRun(api.db, run.id))?.cloud_status, 'pending', 'its workflow closes it')
  })

  it('a server that is away is asked one short question, and no worker is asked for the archive', async () => {
    const { slug } = await someInstance(api.db)
    const asked: string[] = []
    let woken = 0
    const wake = () => {
      woken += 1
    }
    const away = async (what: string): Promise<never> => {
      asked.push(what)
      throw new TemporalUnavailable('gRPC status 14: away', 14)
    }
    const deps = withTemporal({
      check: () => away('check'),
      runActivity: () => away('activity'),
      startSync: () => away('start'),
    })
    const ask = askOf(createApp({ ...deps, healer: { wake } }))
    const body = { instance: slug, archive: `${slug}/x.zip`, run_id: randomName('away') }
    for (const turn of [1, 2]) {
      const answer = await ask('POST', '/api/runs', body, headers)
      assertProblem(answer, 503)
      assert.equal(answer.body.run_id, body.run_id)
      assert.equal(woken, turn)
    }
    assert.deepEqual(asked, ['check', 'check'])
    assert.equal(await owed(body.run_id), true)
    assert.equal(await startRequested(api, (await getRun(api.db, body.run_id)) ?? assert.fail()), 'started')
    assert.equal((await ask('POST', '/api/runs', body, headers)).status, 202, 'nothing is owed any more')
  })
})
