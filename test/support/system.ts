// The whole pipeline for a test file, on real parts: PostgreSQL, a Temporal server, our Workers, and emulated clouds that
// play the providers' real API over TLS. Each test takes instances of its own.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PATIENCE, type Patience } from '../../activities/patience.ts'
import { startWorkers, type Workers } from '../../activities/worker/workers.ts'
import { createAccount } from '../../db/accounts/accounts.ts'
import type { Db } from '../../db/database.ts'
import { createBinding, type NewBinding } from '../../db/instances/bindings.ts'
import { createInstance } from '../../db/instances/instances.ts'
import { type Config, loadConfig } from '../../db/process/config.ts'
import { createLogger } from '../../db/process/log.ts'
import type { Binding } from '../../db/schema.ts'
import type { Vault } from '../../db/secrets/vault.ts'
import { cloudSyncWorkflow } from '../../workflows/cloud-sync.ts'
import type { CloudSyncInput, CloudSyncResult } from '../../workflows/types.ts'
import { runWorkflowId } from '../../workflows/workflow-ids.ts'
import { createTestAuthority, type TestAuthority, trustHere } from '../clouds/certificates.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { createTestDatabase } from './database.ts'
import { randomName, testVault } from './rows.ts'
import { plant, secretsOf } from './secrets/planted-secrets.ts'
import { searchLog } from './secrets/secret-search.ts'
import { createTestTemporal, type TestTemporal, type TestTemporalOptions } from './temporal.ts'
import { testBundle } from './workflow-bundle.ts'

export type CloudStarter = (authority: TestAuthority) => Promise<CloudDouble>

export interface TestSystem {
  readonly db: Db
  readonly vault: Vault
  readonly config: Config
  readonly temporal: TestTemporal
  readonly clouds: readonly CloudDouble[]
  /** An instance bound to an account of each given cloud (default: all). */
  bind(binding?: Partial<NewBinding>, clouds?: readonly CloudDouble[]): Promise<BoundInstance>
  /** Writes an archive under BACKUP_ROOT; returns its path relative to it. */
  writeArchive(path: string, content: Buffer): Promise<string>
  /** Starts cloudSyncWorkflow as an outside client would. */
  start(
    input: CloudSyncInput,
  ): Promise<{ runId: string; result(): Promise<CloudSyncResult>; cancel(): Promise<void> }>
  /** Starts and waits. */
  sync(input: CloudSyncInput): Promise<CloudSyncResult>
  /** Ends the Workers as a crash would not: gracefully; and starts new ones. */
  restartWorkers(): Promise<void>
  close(): Promise<void>
}

export type BoundInstance = { readonly slug: string; readonly bindings: readonly Binding[] }

export type TestSystemOptions = TestTemporalOptions & {
  /** Where less than the program's: what it is waited for never comes, or sooner. */
  readonly patience?: Partial<Patience>
}

export async function createTestSystem(
  starters: readonly CloudStarter[],
  { patience, ...temporalOptions }: TestSystemOptions = {},
): Promise<TestSystem> {
  const authority = await createTestAuthority()
  trustHere(authority)
  const directory = await mkdtemp(join(tmpdir(), 'cloud-sync-system-'))
  const clouds = await Promise.all(starters.map((start) => start(authority)))
  plant(secretsOf(clouds))
  const database = await createTestDatabase()
  const temporal = await createTestTemporal(temporalOptions)
  const config = loadConfig({
    DATA_DIR: directory,
    TASK_QUEUE: temporal.taskQueue(),
    ...Object.assign({}, ...clouds.map((cloud) => cloud.env)),
  })
  await mkdir(config.backupRoot, { recursive: true })
  const logged: string[] = []
  const log = createLogger(config, { write: (line) => void logged.push(line) })
  const workflowBundle = await testBundle()
  const newWorkers = () =>
    startWorkers({
      config,
      db: database.db,
      vault: testVault,
      log,
      temporal: { connection: temporal.nativeConnection, namespace: temporal.namespace },
      workflowBundle,
      patience: { ...PATIENCE, ...patience },
    })
  let workers: Workers = await newWorkers()

  const system: TestSystem = {
    db: database.db,
    vault: testVault,
    config,
    temporal,
    clouds,
    bind: async (binding = {}, chosen = clouds) => {
      const slug = randomName('acme')
      await createInstance(database.db, { slug, name: slug })
      const bindings: Binding[] = []
      for (const cloud of chosen) {
        const account = await createAccount(database.db, testVault, {
          name: randomName(cloud.kind),
          provider: cloud.kind,
          credentials: cloud.credentials,
          settings: cloud.settings,
        })
        bindings.push(
          await createBinding(database.db, { ...binding, instance_slug: slug, account_id: account.id }),
        )
      }
      return { slug, bindings }
    },
    writeArchive: async (path, content) => {
      const absolute = join(config.backupRoot, path)
      await mkdir(dirname(absolute), { recursive: true })
      await writeFile(absolute, content)
      return path
    },
    start: async (input) => {
      const runId = input.run_id ?? randomName('run')
      const handle = await temporal.client.workflow.start(cloudSyncWorkflow, {
        taskQueue: config.taskQueue,
        workflowId: runWorkflowId(input.instance, runId),
        args: [{ ...input, run_id: runId }],
      })
      return { runId, result: () => handle.result(), cancel: async () => void (await handle.cancel()) }
    },
    sync: async (input) => (await system.start(input)).result(),
    restartWorkers: async () => {
      await workers.stop()
      workers = await newWorkers()
    },
    close: async () => {
      await workers.stop()
      await Promise.all(clouds.map((cloud) => cloud.close()))
      await rm(directory, { recursive: true, force: true })
      try {
        await temporal.close()
      } finally {
        await database.close()
      }
      searchLog(logged)
    },
  }
  return system
}
