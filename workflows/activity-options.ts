// One options object a kind of activity, each with its reasons (temporal-practice.md, section 4).
// Every activity waits for its cancellation to be completed: the default tells the workflow "cancelled" while the
// upload still runs.

import type { ActivityOptions } from '@temporalio/workflow'

const WAIT = 'WAIT_CANCELLATION_COMPLETED' as const

/** Bookkeeping in the database: an outage there is no failure, so it is tried without end. */
export const recordOptions: ActivityOptions = {
  startToCloseTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
  cancellationType: WAIT,
}

/** How long a queue that belongs to one host may stay unserved before the run says so. */
const HOST_QUEUE_PATIENCE = '15m'

/** Linking, measuring and unlinking the archive, on a host that has it. */
export function archiveOptions(queue: string, isHostQueue: boolean): ActivityOptions {
  return {
    taskQueue: queue,
    startToCloseTimeout: '2m',
    // A disk that cannot be read for a day is no outage that heals by itself.
    scheduleToCloseTimeout: '24h',
    ...(isHostQueue ? { scheduleToStartTimeout: HOST_QUEUE_PATIENCE } : {}),
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
    cancellationType: WAIT,
  }
}

/** Letting a kept archive go may wait for its host without end: nobody waits for it. */
export function keptArchiveOptions(queue: string): ActivityOptions {
  return {
    taskQueue: queue,
    startToCloseTimeout: '2m',
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

/**
 * One attempt may carry the whole file: 500 GB take 56 h at 20 Mbit/s. There is no limit in total, because it would count
 * healthy progress too: the activity itself gives up after 24 h without a byte. It beats every second; a
 * worker that is silent for half a minute is taken for dead.
 */
export function uploadOptions(queue: string, isHostQueue: boolean, summary: string): ActivityOptions {
  return {
    taskQueue: queue,
    startToCloseTimeout: '7 days',
    heartbeatTimeout: '30s',
    ...(isHostQueue ? { scheduleToStartTimeout: HOST_QUEUE_PATIENCE } : {}),
    retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '5m' },
    cancellationType: WAIT,
    summary,
  }
}

/** Waiting for a free place at the account: each try is short, the waiting is Temporal's and holds no slot. */
export const turnOptions: ActivityOptions = {
  startToCloseTimeout: '30s',
  retry: { initialInterval: '2s', backoffCoefficient: 1.5, maximumInterval: '30s' },
  cancellationType: WAIT,
}

/** Proving the copy: the provider may be away for hours, the copy stays unproven until then. */
export const verifyOptions: ActivityOptions = {
  startToCloseTimeout: '10m',
  scheduleToCloseTimeout: '25h',
  heartbeatTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5m' },
  cancellationType: WAIT,
}

/** Retention may wait for the next run: it is tried for two hours. A folder of 10,000 files takes minutes to list. */
export const retentionOptions: ActivityOptions = {
  startToCloseTimeout: '30m',
  scheduleToCloseTimeout: '2h',
  heartbeatTimeout: '60s',
  retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '5m' },
  cancellationType: WAIT,
}

/** Deleting from a plan that is minutes old at most: after a failure the folder is listed anew instead. */
export const pruneOptions: ActivityOptions = {
  startToCloseTimeout: '30m',
  heartbeatTimeout: '60s',
  retry: { maximumAttempts: 1 },
  cancellationType: WAIT,
}

/** Giving a provider's session up after a cancellation: nobody waits for it long; it expires by itself as well. */
export const abortOptions: ActivityOptions = {
  startToCloseTimeout: '1m',
  scheduleToCloseTimeout: '5m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '20s' },
  cancellationType: WAIT,
}
