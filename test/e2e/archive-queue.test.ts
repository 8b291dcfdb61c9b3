// Archives on one host's disk: a run that names the host's queue is uploaded there, and an archive that lacks a copy is kept
// for a re-upload.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Worker } from '@temporalio/worker'
import { activitiesByQueue, createActivities } from '../../activities/index.ts'
import { PATIENCE } from '../../activities/patience.ts'
import { startWorkers } from '../../activities/worker/workers.ts'
import { databaseNow } from '../../db/database-server.ts'
import { createLogger } from '../../db/process/log.ts'
import { getRun } from '../../db/runs/runs.ts'
import { EMULATORS } from '../support/clouds.ts'
import { randomName, testVault } from '../support/rows.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

describe('a run', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem([EMULATORS.dropbox])
  })
  after(() => system.close())

  const exists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    )

  it('a run that names the queue of a host is uploaded by the worker of that host', async () => {
    const { slug } = await system.bind()
    const archiveTaskQueue = randomName('cloud-host7')
    const host = await startWorkers({
      // In this process the shared queues are served already.
      config: { ...system.config, archiveTaskQueue, taskQueue: randomName('elsewhere') },
      db: system.db,
      vault: testVault,
      log: createLogger({ logLevel: 'silent' }),
      temporal: { connection: system.temporal.nativeConnection, namespace: system.temporal.namespace },
    })
    try {
      const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1000))
      const result = await system.sync({ instance: slug, archive, archive_task_queue: archiveTaskQueue })
      assert.equal(result.status, 'uploaded')
      const [accountId] = Object.keys(result.destinations)
      const child = system.temporal.client.workflow.getHandle(
        `cloud-sync/${slug}/${result.run_id}/${accountId}`,
      )
      const { events } = await child.fetchHistory()
      const uploads = (events ?? []).flatMap((event) => {
        const scheduled = event.activityTaskScheduledEventAttributes
        return scheduled?.activityType?.name === 'uploadArchive' ? [scheduled.taskQueue?.name] : []
      })
      assert.deepEqual(uploads, [archiveTaskQueue])
    } finally {
      await host.stop()
    }
  })

  it('a run waits while all slots of its host are taken, also over a restart of that host', async () => {
    const { slug } = await system.bind()
    const [cloud] = system.clouds
    assert.ok(cloud !== undefined)
    const archiveTaskQueue = randomName('cloud-host8')
    const startHost = () =>
      startWorkers({
        config: { ...system.config, archiveTaskQueue, taskQueue: randomName('elsewhere'), uploadSlots: 1 },
        db: system.db,
        vault: testVault,
        log: createLogger({ logLevel: 'silent' }),
        temporal: { connection: system.temporal.nativeConnection, namespace: system.temporal.namespace },
      })
    let host = await startHost()
    try {
      const struck = cloud.server.faults.add({
        operation: 'upload',
        action: { kind: 'stall_after', bytes: 10 },
      })
      const startOne = async (name: string) => {
        const archive = await system.writeArchive(`${slug}/${name}`, randomBytes(1000))
        return system.start({ instance: slug, archive, archive_task_queue: archiveTaskQueue })
      }
      const first = await startOne('first.zip')
      await until('the only slot is taken', async () => (struck() > 0 ? true : null))
      const second = await startOne('second.zip')
      const [accountId] = Object.keys((await getRun(system.db, first.runId))?.cloud_sync_status ?? {})
      const scheduled = await until('the second upload is in the queue', async () => {
        const child = system.temporal.client.workflow.getHandle(
          `cloud-sync/${slug}/${second.runId}/${accountId}`,
        )
        const { events } = await child.fetchHistory().catch(() => ({ events: [] }))
        const found = events?.find(
          (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'uploadArchive',
        )
        return found?.activityTaskScheduledEventAttributes ?? null
      })
      assert.equal(Number(scheduled.scheduleToStartTimeout?.seconds ?? 0), 0)
      assert.equal(
        (await getRun(system.db, second.runId))?.cloud_sync_status[accountId ?? '']?.status,
        'pending',
      )
      await host.stop()
      host = await startHost()
      const results = await Promise.all([first.result(), second.result()])
      assert.deepEqual(
        results.map((result) => result.status),
        ['uploaded', 'uploaded'],
      )
    } finally {
      await host.stop()
    }
  })

  it('a run whose host never comes back can be cancelled', async () => {
    const { slug } = await system.bind()
    const archiveTaskQueue = randomName('cloud-host9')
    const log = createLogger({ logLevel: 'silent' })
    const accounts = { open: () => Promise.reject(new Error('linking needs no account')) }
    const activities = createActivities({ ...system, vault: testVault, log, accounts, patience: PATIENCE })
    // Only linking is served.
    const host = await Worker.create({
      connection: system.temporal.nativeConnection,
      namespace: system.temporal.namespace,
      taskQueue: `${archiveTaskQueue}-archives`,
      activities: activitiesByQueue(activities).onArchives,
    })
    const hostEnded = host.run()
    try {
      const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1000))
      const run = await system.start({ instance: slug, archive, archive_task_queue: archiveTaskQueue })
      await until('the archive is linked', async () =>
        (await getRun(system.db, run.runId))?.pin === 'linked' ? true : null,
      )
      await run.cancel()
      await assert.rejects(run.result())
      const states = Object.values((await getRun(system.db, run.runId))?.cloud_sync_status ?? {})
      assert.deepEqual(
        states.map((state) => state.status),
        ['cancelled'],
      )
    } finally {
      host.shutdown()
      await hostEnded
    }
  })

  it('a failed run keeps its archive, and a re-upload takes it although the original is gone', async () => {
    const { slug } = await system.bind()
    const [cloud] = system.clouds
    assert.ok(cloud !== undefined)
    cloud.server.faults.add({
      operation: 'upload',
      times: Number.POSITIVE_INFINITY,
      action: {
        kind: 'status',
        status: 409,
        body: {
          error_summary: 'path/insufficient_space/.',
          error: { '.tag': 'path', reason: { '.tag': 'insufficient_space' } },
        },
      },
    })
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1000))
    const failed = await system.sync({ instance: slug, archive })
    assert.equal(failed.status, 'failed')
    assert.deepEqual(
      Object.values(failed.destinations).map((state) => state.error?.code),
      ['storage_quota_exceeded'],
    )
    const pin = join(system.config.backupRoot, '.cloud-sync', failed.run_id, 'x.zip')
    assert.equal(await exists(pin), true)
    const keptUntil = Date.parse((await getRun(system.db, failed.run_id))?.kept_until ?? '')
    assert.ok(keptUntil > (await databaseNow(system.db)) + 6.9 * 86_400_000)
    const keeper = await system.temporal.client.workflow
      .getHandle(`cloud-sync-pin/${slug}/${failed.run_id}`)
      .describe()
    assert.equal(keeper.status.name, 'RUNNING')

    await rm(join(system.config.backupRoot, archive))
    cloud.server.faults.clear()
    const again = await system.sync({ instance: slug, archive, run_id: failed.run_id })
    assert.equal(again.status, 'uploaded')
    assert.equal(await exists(pin), false)
    assert.equal(cloud.files(`/odoo-backups/${slug}`).length, 1)
  })
})
