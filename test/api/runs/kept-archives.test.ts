// Archives of runs whose workflow is gone: kept for a re-upload, and let go in the end (docs/design.md, rule 6).

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { createLocalArchives } from '../../../activities/archives/inspect-archive.ts'
import { healRuns } from '../../../api/runs/healer.ts'
import { sweepOrphans, sweepPins } from '../../../api/runs/pin-sweep.ts'
import type { TemporalClient } from '../../../api/temporal/client.ts'
import { NoWorkerAnswered } from '../../../api/temporal/failures.ts'
import { pauseAccount } from '../../../db/accounts/account-pauses.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { keepPinUntil, pinsDue } from '../../../db/runs/kept-archives.ts'
import { getRun } from '../../../db/runs/runs.ts'
import { recordRunToStart, requestRestart } from '../../../db/runs/starts.ts'
import type { Run } from '../../../db/schema.ts'
import { KEEP_ARCHIVE_MS } from '../../../workflows/archives/keep-time.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { randomName, saveArchive, someRun } from '../../support/rows.ts'
import type { TestSystem } from '../../support/system.ts'
import { until } from '../../support/until.ts'
import { type ApiFixture, createApiFixture } from '../fixture.ts'

const LONG_AGO = '2026-01-01T00:00:00Z'

/** A run that names the queue of a host. */
async function someRunOf({ db }: ApiFixture, archive_task_queue: string): Promise<void> {
  const { id } = await someRun(db)
  await db.updateTable('runs').set({ archive_task_queue }).where('id', '=', id).execute()
}

describe('the kept archive', () => {
  let api: ApiFixture
  let system: TestSystem
  before(async () => {
    api = await createApiFixture({ clouds: [EMULATORS.dropbox] })
    assert.ok(api.system !== null)
    system = api.system
  })
  after(() => api.close())

  const seen = async (id: string): Promise<Run> =>
    (await getRun(api.db, id)) ?? assert.fail('there is no run')
  const linkOf = (run: Run): string => run.pin_path ?? assert.fail('there is no link')
  /** A run that has linked its archive, waits for its account, and whose workflow an operator ends. */
  const terminated = async () => {
    const { slug, bindings } = await system.bind()
    const later = new Date((await databaseNow(api.db)) + 3_600_000).toISOString()
    await pauseAccount(api.db, bindings[0]?.account_id ?? '', later, 'rests for this test')
    const archive = await system.writeArchive(`${slug}/a.zip`, randomBytes(1_000))
    const { runId } = await system.start({ instance: slug, archive })
    const run = await until('the archive is linked', async () => {
      const now = await getRun(api.db, runId)
      return now !== null && now.pin !== null ? now : null
    })
    await system.temporal.client.workflow.getHandle(run.workflow_id).terminate('by hand')
    return run
  }
  const settled = (id: string) =>
    until('the healer has settled it', async () => {
      await healRuns(api, { quietForMs: 0 })
      const run = await seen(id)
      return run.cloud_status === 'pending' ? null : run
    })
  const due = async (at?: string) => {
    const ids: string[] = []
    const now = new Date(await databaseNow(api.db)).toISOString()
    for await (const run of pinsDue(api.db, { at: at ?? now, page: 2 })) ids.push(run.id)
    return ids
  }
  const linkIsGone = (run: Run) =>
    until('the link is gone', async () => {
      const { pin } = await seen(run.id)
      return pin === null && !existsSync(linkOf(run)) ? true : null
    })

  it('the pin of a run whose workflow was terminated is kept for a week, and then released', async () => {
    const run = await settled((await terminated()).id)
    assert.equal(run.cloud_status, 'cancelled')
    assert.equal(run.pin, 'linked')
    const keptMs = Date.parse(run.kept_until ?? '') - Date.parse(run.sync_finished_at ?? '')
    assert.ok(Math.abs(keptMs - KEEP_ARCHIVE_MS) < 60_000, 'kept for a week')
    await sweepPins(api)
    assert.equal(existsSync(linkOf(run)), true)
    await keepPinUntil(api.db, run.id, LONG_AGO)
    // Several processes sweep at once.
    await Promise.all([1, 2, 3].map(() => sweepPins(api)))
    await linkIsGone(run)
    const { items } = (await api.ask('GET', `/api/audit?run_id=${run.id}`)).body
    assert.match(JSON.stringify(items), /archive_released/)
  })

  it('a pin on a host that is away waits for it, and delays none of another host', async () => {
    const asked: string[] = []
    const ids: string[] = []
    for (const archive_task_queue of ['cloud-gone', 'cloud-gone', 'cloud-there']) {
      const { id } = await someRun(api.db)
      await sql`update runs set archive_task_queue = ${archive_task_queue} where id = ${id}`.execute(api.db)
      await saveArchive(api.db, id, {
        size: 5,
        archive_path: '/x/a.zip',
        archive_mtime_ns: '1',
        pin: 'linked',
        pin_path: `/x/${id}`,
      })
      await finishSync(api.db, id, 'failed')
      await keepPinUntil(api.db, id, LONG_AGO)
      ids.push(id)
    }
    const runActivity: TemporalClient['runActivity'] = async ({ taskQueue, result }) => {
      asked.push(taskQueue)
      if (taskQueue.startsWith('cloud-gone')) throw new NoWorkerAnswered('No worker answered in time.')
      return result.parse({ is_released: true })
    }
    await sweepPins({ ...api, temporal: { ...api.temporal, runActivity } })
    const ofHosts = asked.filter((queue) => queue.startsWith('cloud-'))
    assert.deepEqual(ofHosts.toSorted(), ['cloud-gone-archives', 'cloud-there-archives'])
    for (const id of ids)
      await sql`update runs set pin = null, pin_path = null where id = ${id}`.execute(api.db)
  })

  it('an old link without a run is removed on every disk that runs have named', async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(100))
    const runId = randomName('nobody')
    const finding = await createLocalArchives({ db: api.db, config: system.config }).inspectArchive({
      archive,
      run_id: runId,
      keep: true,
    })
    const path = finding.ok ? (finding.kept?.pin_path ?? '') : ''
    assert.equal(existsSync(path), true)
    await someRunOf(api, 'cloud-host7')
    const asked: { name: string; taskQueue: string }[] = []
    const runActivity: TemporalClient['runActivity'] = (call) => {
      asked.push({ name: call.name, taskQueue: call.taskQueue })
      // The age of a link is its file's, which no test can set: every one counts as old.
      return api.temporal.runActivity({ ...call, args: { young_ms: -60_000 } })
    }
    await sweepOrphans({ ...api, temporal: { ...api.temporal, runActivity } })
    assert.equal(existsSync(path), false)
    const queues = asked.map(({ name, taskQueue }) => `${name} ${taskQueue}`)
    assert.ok(queues.includes('sweepOrphanPins cloud-host7-archives'), queues.join())
    assert.ok(queues.includes(`sweepOrphanPins ${system.config.taskQueue}-archives`), queues.join())
  })

  it('a pin without a noted time is released a week after the end of its sync', async () => {
    const run = await settled((await terminated()).id)
    await sql`update runs set kept_until = null where id = ${run.id}`.execute(api.db)
    assert.equal((await due()).includes(run.id), false)
    await sql`update runs set sync_finished_at = ${LONG_AGO} where id = ${run.id}`.execute(api.db)
    await sweepPins(api)
    await linkIsGone(run)
  })

  it('a pin stays while a sync of the run is requested, and as long again when that is cancelled', async () => {
    const run = await settled((await terminated()).id)
    await keepPinUntil(api.db, run.id, LONG_AGO)
    assert.ok(await requestRestart(api.db, await seen(run.id), null))
    assert.equal((await due()).includes(run.id), false)
    const answer = await api.ask('POST', `/api/runs/${run.id}/cancel`)
    assert.equal(answer.status, 202, answer.text)
    const cancelled = await seen(run.id)
    assert.equal(cancelled.cloud_status, 'cancelled')
    assert.ok(Date.parse(cancelled.kept_until ?? '') > (await databaseNow(api.db)) + KEEP_ARCHIVE_MS / 2)
    assert.equal(existsSync(linkOf(run)), true)
  })

  it('a pin that is due is found among any number of others', async () => {
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) {
      const { id } = await someRun(api.db)
      const archive = { size: 5, archive_path: '/x/a.zip', archive_mtime_ns: '1', pin_path: `/x/${id}` }
      await saveArchive(api.db, id, { ...archive, pin: 'linked' })
      await keepPinUntil(api.db, id, LONG_AGO)
      ids.push(id)
    }
    const none = await due()
    assert.ok(
      ids.every((id) => !none.includes(id)),
      'they are still being synced',
    )
    for (const id of ids) {
      await finishSync(api.db, id, 'failed')
    }
    assert.deepEqual(
      (await due()).filter((id) => ids.includes(id)),
      ids.toSorted(),
    )
    assert.deepEqual(await due('2025-12-31T00:00:00Z'), [])
  })

  it('a run that never began has no pin', async () => {
    const { slug } = await system.bind()
    const id = randomName('owed')
    const values = { id, instance_slug: slug, archive: `${slug}/x.zip` }
    await recordRunToStart(api.db, { ...values, workflow_id: `cloud-sync/${slug}/${id}` })
    assert.equal((await api.ask('POST', `/api/runs/${id}/cancel`)).status, 202)
    assert.equal((await seen(id)).kept_until, null)
  })
})
