// A fleet whose hosts keep archives on disks of their own: work on an archive reaches only a worker that sees it.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { NativeConnection } from '@temporalio/worker'
import { startWorkers } from '../../activities/worker/workers.ts'
import { createLogger } from '../../db/process/log.ts'
import { EMULATORS } from '../support/clouds.ts'
import { randomName, testVault } from '../support/rows.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { testBundle } from '../support/workflow-bundle.ts'

const HOSTS = 3
const RUNS_WITHOUT_QUEUE = 12
const RUNS_PER_HOST = 2

type Host = { readonly queue: string; readonly backupRoot: string; stop(): Promise<void> }

describe('a fleet of three workers with disks of their own and one with the shared disk', () => {
  let system: TestSystem
  let folder: string
  const hosts: Host[] = []

  before(async () => {
    system = await createTestSystem([EMULATORS.dropbox])
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-fleet-'))
    const workflowBundle = await testBundle()
    for (let index = 0; index < HOSTS; index += 1) {
      const backupRoot = join(folder, `host${index}`)
      await mkdir(backupRoot)
      const queue = randomName(`cloud-host${index}`)
      // As another process would have: two Workers of one connection cannot serve one queue.
      const connection = await NativeConnection.connect({ address: system.temporal.address })
      const workers = await startWorkers({
        config: { ...system.config, archiveTaskQueue: queue, sharedArchives: false, backupRoot },
        db: system.db,
        vault: testVault,
        log: createLogger({ logLevel: 'silent' }),
        temporal: { connection, namespace: system.temporal.namespace },
        workflowBundle,
      })
      hosts.push({ queue, backupRoot, stop: () => workers.stop().then(() => connection.close()) })
    }
  })
  after(async () => {
    await Promise.all(hosts.map((host) => host.stop()))
    await system.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('a fleet uploads every archive, whether its run names the queue of a host or none', async () => {
    const { slug } = await system.bind()
    const shared = await Promise.all(
      Array.from({ length: RUNS_WITHOUT_QUEUE }, async (_, index) => ({
        instance: slug,
        archive: await system.writeArchive(`${slug}/shared${index}.zip`, randomBytes(1000)),
      })),
    )
    const own = await Promise.all(
      hosts.flatMap(({ queue, backupRoot }, host) =>
        Array.from({ length: RUNS_PER_HOST }, async (_, index) => {
          const archive = `host${host}-${index}.zip`
          await writeFile(join(backupRoot, archive), randomBytes(1000))
          return { instance: slug, archive, archive_task_queue: queue }
        }),
      ),
    )
    const results = await Promise.all([...shared, ...own].map((input) => system.sync(input)))
    assert.deepEqual(new Set(results.map(({ status }) => status)), new Set(['uploaded']))
    assert.equal(
      system.clouds[0]?.files(`/odoo-backups/${slug}`).length,
      RUNS_WITHOUT_QUEUE + HOSTS * RUNS_PER_HOST,
    )
  })
})
