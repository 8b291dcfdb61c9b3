// Thinning out the old copies at a destination after an upload: plan, delete, plan again, in passes that stay far below what
// one payload may hold.

import { ActivityFailure, TimeoutFailure } from '@temporalio/common'
import { isCancellation, proxyActivities, sleep } from '@temporalio/workflow'
import type { Activities } from '../../activities/index.ts'
import type { PruneOutcome } from '../../activities/retention/prune.ts'
import { pruneOptions, retentionOptions } from '../activity-options.ts'
import { statusError, statusErrorOf } from '../failures.ts'
import type { Destination } from '../runs/destination.ts'
import type { RetentionResult, StatusError } from '../types.ts'

const { planRemotePrune } = proxyActivities<Activities>(retentionOptions)
const { pruneRemote } = proxyActivities<Activities>(pruneOptions)

/** 500 deletions a pass: a plan stays far below what one payload may hold, and a lowered keep_last is still done. */
const MAX_PRUNE_PASSES = 40
/** Failed passes, with pauses from 4 s to 32 s between them: a minute in all. The next run prunes as well. */
const MAX_PRUNE_FAILURES = 5
const PRUNE_PAUSE_MS = 2_000
/** The status travels in every list, event and signal: of thousands of deleted files it names the first. The audit has all. */
const MOST_NAMES = 100

/**
 * A prune that fails or is cancelled never undoes the upload: it shows in `retention.error`. Each plan goes by the binding
 * as it is then, and so does `keep_last`; null when the binding does not want anything deleted any more.
 */
export async function pruneCopies(
  input: { readonly run_id: string; readonly instance: string; readonly destination: Destination },
  keepLast: number,
  remoteId: string,
): Promise<RetentionResult | null> {
  const { run_id, instance, destination } = input
  const { account_id, binding_id, folder } = destination
  const about = { run_id, instance, account_id, binding_id, folder }
  const deleted: string[] = []
  let deletedCount = 0
  let rule = { keep_last: keepLast, retention_scope: destination.retention_scope }
  let kept = 0
  let failures = 0
  const result = (rest: Partial<RetentionResult> = {}): RetentionResult => ({
    keep_last: rule.keep_last,
    deleted,
    ...(deletedCount > deleted.length ? { deleted_count: deletedCount } : {}),
    kept,
    skipped: null,
    error: null,
    ...rest,
  })
  try {
    for (let pass = 1; pass <= MAX_PRUNE_PASSES; pass += 1) {
      const plan = await planRemotePrune({ ...about, remote_id: remoteId })
      if (plan.retention === null) return deletedCount === 0 ? null : result()
      rule = plan.retention ?? rule
      kept = plan.kept
      if (plan.skipped !== null) return result({ skipped: plan.skipped })
      if (plan.delete.length === 0) break
      const outcome = await tryToPrune({ ...about, ...rule, files: plan.delete })
      deletedCount += outcome.deleted.length
      deleted.push(...outcome.deleted.slice(0, MOST_NAMES - deleted.length))
      if (outcome.error !== null) {
        failures += 1
        if (!outcome.error.retryable || failures === MAX_PRUNE_FAILURES) {
          return result({ error: outcome.error })
        }
        await sleep(PRUNE_PAUSE_MS * 2 ** failures)
        continue
      }
      if (!plan.has_more && outcome.is_outdated !== true) break
    }
    return result()
  } catch (failure) {
    return result({ error: statusErrorOf(failure) })
  }
}

async function tryToPrune(input: Parameters<Activities['pruneRemote']>[0]): Promise<PruneOutcome> {
  try {
    return await pruneRemote(input)
  } catch (failure) {
    if (isCancellation(failure)) throw failure
    return { deleted: [], error: pruneError(failure) }
  }
}

const PLAN_TOO_OLD =
  'No worker took the deletion of old copies before its plan was too old. It is planned anew, at the latest by the next run.'

/**
 * A worker that was lost in the middle is an error to plan anew after, as any other; and so is a plan that grew too old
 * while no worker was there, whatever such a wait means elsewhere.
 */
export function pruneError(failure: unknown): StatusError {
  const cause = failure instanceof ActivityFailure ? failure.cause : failure
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START'
    ? statusError('worker_lost', PLAN_TOO_OLD)
    : statusErrorOf(failure)
}
