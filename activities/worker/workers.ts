// The Workers of one process: workflows and activities that need no archive on TASK_QUEUE; where this process sees the shared
// archives, the two queues of work on them; and, where this host has archives of its own, its two queues besides. Uploads
// have queues of their own, because each holds a slot for hours: on one queue, as many uploads as there are slots would stop
// all bookkeeping, verification and clean-up (https://docs.temporal.io/develop/worker-performance).

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker, type WorkerOptions, type WorkflowBundle } from '@temporalio/worker'
import type { Db } from '../../db/database.ts'
import type { Config } from '../../db/process/config.ts'
import type { Logger } from '../../db/process/log.ts'
import type { Vault } from '../../db/secrets/vault.ts'
import { createProviderAccounts } from '../accounts/open-account.ts'
import { createHttpClient } from '../http/client.ts'
import { activitiesByQueue, createActivities } from '../index.ts'
import { PATIENCE, type Patience } from '../patience.ts'
import { PROOFS_AT_ONCE } from '../proofs/verify-upload.ts'
import { servedQueues } from './archive-queues.ts'
import { runTogether, type Workers } from './run-workers.ts'
import type { TemporalConnection } from './temporal-runtime.ts'

export type { Workers } from './run-workers.ts'

/** Cancellation and progress are passed on by heartbeats: at most this long after the fact. */
const HEARTBEAT_THROTTLE = '1s'
/** 40 slots are left for short work when the proofs take all of theirs: a proof takes minutes to hours. */
const SHORT_ACTIVITY_SLOTS = PROOFS_AT_ONCE + 40
/** An activity that has not ended this long after a shutdown is left to the next worker. */
const SHUTDOWN_FORCE = '20s'

const MAX_BUNDLE_BYTES = 64 * 1024 * 1024

const SHORT_CONNECTIONS = 10
/** An upload saves once a second, in some milliseconds. */
const UPLOADS_PER_CONNECTION = 4

/** Connections to the database for the Workers of one process. */
export function workerPoolSize({ uploadSlots }: Pick<Config, 'uploadSlots'>): number {
  return SHORT_CONNECTIONS + Math.ceil(uploadSlots / UPLOADS_PER_CONNECTION)
}

type WorkersDeps = {
  readonly config: Config
  readonly db: Db
  readonly vault: Vault
  readonly log: Logger
  readonly temporal: TemporalConnection
  /** Shared between Workers and tests; made here when missing (about 2 s). */
  readonly workflowBundle?: WorkflowBundle | undefined
  /** Default: that of the program. */
  readonly patience?: Patience | undefined
}

export async function startWorkers(deps: WorkersDeps): Promise<Workers> {
  const { config, db, vault, log, temporal } = deps
  const http = createHttpClient({ proxyEnv: config.proxyEnv })
  const accounts = createProviderAccounts({ db, vault, config, http })
  const { patience = PATIENCE } = deps
  const activities = activitiesByQueue(createActivities({ db, vault, config, log, accounts, patience }))
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection: temporal.connection,
    namespace: temporal.namespace,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    shutdownForceTime: SHUTDOWN_FORCE,
  }
  const workflowBundle = deps.workflowBundle ?? (await bundleWorkflows())
  const workers = [
    await Worker.create({
      ...common,
      taskQueue: config.taskQueue,
      activities: config.sharedArchives ? activities.withArchives : activities.withoutArchives,
      maxConcurrentActivityTaskExecutions: SHORT_ACTIVITY_SLOTS,
      workflowBundle,
    }),
  ]
  for (const { archive, uploads } of servedQueues(config)) {
    workers.push(
      await Worker.create({
        ...common,
        taskQueue: archive,
        activities: activities.onArchives,
        maxConcurrentActivityTaskExecutions: SHORT_ACTIVITY_SLOTS,
      }),
      await Worker.create({
        ...common,
        taskQueue: uploads,
        activities: activities.uploads,
        maxConcurrentActivityTaskExecutions: config.uploadSlots,
      }),
    )
  }
  return runTogether(workers, log, () => http.close())
}

/** Takes about 3 s. Rejects with what webpack says when a workflow cannot be bundled. */
export async function bundleWorkflows(): Promise<WorkflowBundle> {
  const script = fileURLToPath(new URL('bundle-process.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script], { maxBuffer: MAX_BUNDLE_BYTES })
  return { code: stdout }
}
