// The Workers of one process: workflows and short activities on TASK_QUEUE; uploads, which hold a slot for hours, on a queue
// of their own; and, where this host has archives of its own, its two queues besides (temporal-practice.md, section 7).

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker, type WorkerOptions, type WorkflowBundle } from '@temporalio/worker'
import type { Config } from '../db/config.ts'
import type { Db } from '../db/database.ts'
import type { Logger } from '../db/log.ts'
import type { Vault } from '../db/vault.ts'
import { uploadQueues } from '../workflows/workflow-ids.ts'
import { createHttpClient } from './http.ts'
import { createActivities } from './index.ts'
import { createProviderAccounts } from './provider-accounts.ts'
import type { TemporalConnection } from './temporal-runtime.ts'

/** Cancellation and progress travel with heartbeats that are really sent: at most this long after the fact. */
const HEARTBEAT_THROTTLE = '1s'
const SHORT_ACTIVITY_SLOTS = 40
/** An activity that does not end by itself after a shutdown is left to the next worker. */
const SHUTDOWN_FORCE = '20s'

const MAX_BUNDLE_BYTES = 64 * 1024 * 1024

export interface Workers {
  /** Rejects when one of the Workers fails; resolves after `stop`. */
  readonly running: Promise<void>
  /** Stops polling, lets activities save where they are, and waits for them. */
  stop(): Promise<void>
}

export type WorkersDeps = {
  readonly config: Config
  readonly db: Db
  readonly vault: Vault
  readonly log: Logger
  readonly temporal: TemporalConnection
  /** Shared between Workers and tests; made here when missing (about 2 s). */
  readonly workflowBundle?: WorkflowBundle | undefined
}

export async function startWorkers(deps: WorkersDeps): Promise<Workers> {
  const { config, db, vault, log, temporal } = deps
  const http = createHttpClient({ proxyEnv: config.proxyEnv })
  const accounts = createProviderAccounts({ db, vault, config, http })
  const shared: Omit<WorkerOptions, 'taskQueue'> = {
    connection: temporal.connection,
    namespace: temporal.namespace,
    activities: createActivities({ db, vault, config, log, accounts }),
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    shutdownForceTime: SHUTDOWN_FORCE,
  }
  const short = (taskQueue: string) => ({
    ...shared,
    taskQueue,
    maxConcurrentActivityTaskExecutions: SHORT_ACTIVITY_SLOTS,
  })
  const uploads = (taskQueue: string) => ({
    ...shared,
    taskQueue,
    maxConcurrentActivityTaskExecutions: config.uploadSlots,
  })
  const workflowBundle = deps.workflowBundle ?? (await bundleWorkflows())
  const queues = uploadQueues(config.taskQueue, null)
  const workers = [
    await Worker.create({ ...short(config.taskQueue), workflowBundle }),
    await Worker.create(uploads(queues.uploads)),
  ]
  if (config.archiveTaskQueue !== null) {
    const own = uploadQueues(config.taskQueue, config.archiveTaskQueue)
    if (own.uploads !== queues.uploads) {
      workers.push(await Worker.create(short(own.archive)), await Worker.create(uploads(own.uploads)))
    }
  }
  const running = Promise.all(workers.map((worker) => worker.run())).then(() => http.close())
  return {
    running,
    stop: async () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
      await running
    },
  }
}

/** Takes about 3 s. Rejects with what webpack says when a workflow cannot be bundled. */
export async function bundleWorkflows(): Promise<WorkflowBundle> {
  const script = fileURLToPath(new URL('bundle-process.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script], { maxBuffer: MAX_BUNDLE_BYTES })
  return { code: stdout }
}
