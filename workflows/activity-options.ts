// One options object per kind of activity, each with its reasons. What the timeouts count:
// https://docs.temporal.io/encyclopedia/detecting-activity-failures
// Every activity waits until its cancellation is complete: the default reports "cancelled" to the workflow while the
// upload still runs (https://github.com/temporalio/sdk-typescript/issues/2442).

import type { ActivityOptions } from '@temporalio/workflow'
import { summaryText } from './web-ui-text.ts'

const WAIT = 'WAIT_CANCELLATION_COMPLETED' as const

/** Bookkeeping in the database. Retried forever: an outage of the database is not a failure of the run. */
export const recordOptions: ActivityOptions = {
  startToCloseTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
  cancellationType: WAIT,
}

/** How long a queue of short work on archives may stay unserved before the run fails: the queue of one host, and the shared one. */
const HOST_QUEUE_PATIENCE = '15m'
const SHARED_QUEUE_PATIENCE = '12h'

/** Linking, measuring and unlinking the archive, on a host that has it. */
export function archiveOptions(queue: string, isHostQueue: boolean): ActivityOptions {
  return {
    taskQueue: queue,
    startToCloseTimeout: '2m',
    // A disk that cannot be read for a day does not heal by itself.
    scheduleToCloseTimeout: '24h',
    scheduleToStartTimeout: isHostQueue ? HOST_QUEUE_PATIENCE : SHARED_QUEUE_PATIENCE,
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
    cancellationType: WAIT,
  }
}

/** The release of a kept archive may wait long for its host, because nothing waits for it. Later the sweep of pins finds it. */
export function keptArchiveOptions(queue: string): ActivityOptions {
  return {
    taskQueue: queue,
    startToCloseTimeout: '2m',
    scheduleToCloseTimeout: '30d',
    retry: { initialInterval: '10s', backoffCoefficient: 2, maximumInterval: '1h' },
    cancellationType: WAIT,
  }
}

/** The release of the archive must not keep a finished run open for long: otherwise the pin's own workflow does it. */
export function releaseOptions(queue: string): ActivityOptions {
  return {
    taskQueue: queue,
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: '2m',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '20s' },
    cancellationType: WAIT,
  }
}

const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 5 * 60_000

/** How many attempts an upload gets before the workflow goes on with the next part, and the pause that it continues from. */
type UploadPart = { readonly attempts: number; readonly first_pause_ms: number | null }

/**
 * One attempt may carry the whole file: 500 GB take 56 h at 20 Mbit/s. There is no limit in total, because it would count
 * healthy progress too: the activity itself fails after 24 h without a byte. It sends a heartbeat every second, and a
 * worker that is silent for half a minute counts as dead. The wait for a worker has no limit either: a host whose slots are
 * all taken by other uploads, or that reboots, is not a failure, and the linking of the archive has shown that the host has
 * a worker.
 */
export function uploadOptions(queue: string, summary: string, part?: UploadPart): ActivityOptions {
  const firstMs = Math.min(Math.max(part?.first_pause_ms ?? FIRST_PAUSE_MS, FIRST_PAUSE_MS), LONGEST_PAUSE_MS)
  return {
    taskQueue: queue,
    startToCloseTimeout: '7 days',
    heartbeatTimeout: '30s',
    retry: {
      initialInterval: firstMs,
      backoffCoefficient: 2,
      maximumInterval: LONGEST_PAUSE_MS,
      ...(part === undefined ? {} : { maximumAttempts: part.attempts }),
    },
    cancellationType: WAIT,
    summary: summaryText(summary),
  }
}

/** Waiting for a turn at the account: each try is short, and Temporal does the waiting, which holds no slot of a worker. */
export const turnOptions: ActivityOptions = {
  startToCloseTimeout: '30s',
  retry: { initialInterval: '2s', backoffCoefficient: 1.5, maximumInterval: '30s' },
  cancellationType: WAIT,
}

/** The proof of a copy: the provider may be away for hours, and reading a large copy back takes hours too. */
export const verifyOptions: ActivityOptions = {
  startToCloseTimeout: '24h',
  scheduleToCloseTimeout: '25h',
  heartbeatTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5m' },
  cancellationType: WAIT,
}

/** How often a plan of what to delete is tried. */
export const PLAN_TRIES = 5

/**
 * A folder that cannot be listed must not hold the run up, because the next run prunes as well: five tries in half a minute,
 * or with the pauses that the provider asks for. One listing of 10,000 files takes minutes.
 */
export const retentionOptions: ActivityOptions = {
  startToCloseTimeout: '30m',
  scheduleToCloseTimeout: '40m',
  heartbeatTimeout: '60s',
  retry: {
    initialInterval: '2s',
    backoffCoefficient: 2,
    maximumInterval: '1m',
    maximumAttempts: PLAN_TRIES,
  },
  cancellationType: WAIT,
}

/**
 * Deletes by a plan that is minutes old at most. After a failure the folder is listed again instead, as it is when no worker
 * was there to carry the plan out.
 */
export const pruneOptions: ActivityOptions = {
  scheduleToStartTimeout: '15m',
  startToCloseTimeout: '30m',
  heartbeatTimeout: '60s',
  retry: { maximumAttempts: 1 },
  cancellationType: WAIT,
}

/** How long a cancelled destination stays open for what it may have left, in ms. */
export const CANCELLATION_PATIENCE_MS = 120_000
/** The part of this time that is reserved for the proof of a copy found at the last moment. */
const LEAST_MS = 15_000

/** Looks for what a cancelled upload has left. `leftMs` of the patience remain; `queue` is one where the archive can be read. */
export function abortOptions(leftMs: number, queue?: string): ActivityOptions {
  const timeMs = Math.max(leftMs - LEAST_MS, LEAST_MS)
  return {
    ...(queue === undefined ? {} : { taskQueue: queue }),
    startToCloseTimeout: timeMs,
    scheduleToCloseTimeout: timeMs,
    heartbeatTimeout: '30s',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10s' },
    cancellationType: WAIT,
  }
}

/** The proof of what a cancelled upload has left: like any other, but it must be quick. */
export function lastProofOptions(leftMs: number): ActivityOptions {
  const timeMs = Math.max(leftMs, LEAST_MS)
  return {
    ...verifyOptions,
    startToCloseTimeout: timeMs,
    scheduleToCloseTimeout: timeMs,
    heartbeatTimeout: '30s',
  }
}
