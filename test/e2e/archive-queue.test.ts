// Archives on one host's disk: a run that names the host's queue has its upload sent there, and an archive that is still owed
// stays at hand for a re-upload.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startWorkers } from '../../activities/workers.ts'
import { createLogger } from '../../db/log.ts'
import { getRun } from '../../db/runs.ts'
import { EMULATORS } from '../support/clouds.ts'
import { randomName, testVault } from '../support/rows.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'

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

  it('that names the queue of a host is uploaded by the worker of that host', async () => {
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

  it('that failed keeps its archive, and a re-upload takes it although the original is gone', async () => {
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
    assert.ok(keptUntil > Date.now() + 6.9 * 86_400_000)
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
