// One options object per kind of activity, each with its reasons. What the timeouts count:
// https://docs.temporal.io/encyclopedia/detecting-activity-failures
// Every activity waits for its cancellation to be completed: the default tells the workflow "cancelled" while the
// upload still runs (https://github.com/temporalio/sdk-typescript/issues/2442).

import type { ActivityOptions } from '@temporalio/workflow'
import { summaryText } from './web-ui-text.ts'

const WAIT = 'WAIT_CANCELLATION_COMPLETED' as const

/** Bookkeeping in the database: an outage there is no failure, so it is tried without end. */
export const recordOptions: ActivityOptions = {
  startToCloseTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
  cancellationType: WAIT,
}

/** How long the queue of short work on archives may stay unserved before the run says so: one host's, and the shared one. */
const HOST_QUEUE_PATIENCE = '15m'
const SHARED_QUEUE_PATIENCE = '12h'

/** Linking, measuring and unlinking the archive, on a host that has it. */
export function archiveOptions(queue: string, isHostQueue: boolean): ActivityOptions {
  return {
    taskQueue: queue,
    startToCloseTimeout: '2m',
    // A disk that cannot be read for a day is no outage that heals by itself.
    scheduleToCloseTimeout: '24h',
    scheduleToStartTimeout: isHostQueue ? HOST_QUEUE_PATIENCE : SHARED_QUEUE_PATIENCE,
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
    cancellationType: WAIT,
  }
}

/** Letting a kept archive go may wait long for its host: nobody waits for it, and after that the sweep of pins looks for it. */
export function keptArchiveOptions(queue: string): ActivityOptions {
  return {
    taskQueue: queue,
    startToCloseTimeout: '2m',
    scheduleToCloseTimeout: '30d',
    retry: { initialInterval: '10s', backoffCoefficient: 2, maximumInterval: '1h' },
    cancellationType: WAIT,
  }
}

/** Letting the archive go must not keep a finished run open for long: the pin's own workflow does it otherwise. */
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

/** How often an upload is tried before the workflow looks at it again; the pauses go on where those before have ended. */
type UploadPart = { readonly attempts: number; readonly first_pause_ms: number | null }

/**
 * One attempt may carry the whole file: 500 GB take 56 h at 20 Mbit/s. There is no limit in total, because it would count
 * healthy progress too: the activity itself gives up after 24 h without a byte. It beats every second; a
 * worker that is silent for half a minute is taken for dead. There is no limit to the wait for a worker either: a host
 * whose slots are all taken by other uploads, or that is being rebooted, is no failure, and that a worker is there
 * was shown when it linked the archive.
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

/** Waiting for a free place at the account: each try is short, the waiting is Temporal's and holds no slot. */
export const turnOptions: ActivityOptions = {
  startToCloseTimeout: '30s',
  retry: { initialInterval: '2s', backoffCoefficient: 1.5, maximumInterval: '30s' },
  cancellationType: WAIT,
}

/** Proving the copy: the provider may be away for hours, the copy stays unproven until then; reading a large one back takes hours too. */
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
 * Retention may wait for the next run, and whoever waits for this one is not to be kept by a folder that cannot be listed: five
 * tries in half a minute, or with the pauses that the provider asks for. One listing of 10,000 files takes minutes.
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
 * Deleting from a plan that is minutes old at most: after a failure the folder is listed anew instead, and so it is when
 * no worker was there to carry the plan out.
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
/** Of it, what is left to the proof of a copy that was found at the last moment. */
const LEAST_MS = 15_000

/** Looking for what a cancelled upload has left. `leftMs` of the patience remain; with `queue`, where the archive can be read. */
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

/** The proof of what a cancelled upload has left: as any other, but nobody waits for it long. */
export function lastProofOptions(leftMs: number): ActivityOptions {
  const timeMs = Math.max(leftMs, LEAST_MS)
  return {
    ...verifyOptions,
    startToCloseTimeout: timeMs,
    scheduleToCloseTimeout: timeMs,
    heartbeatTimeout: '30s',
  }
}
