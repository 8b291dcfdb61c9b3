// The deletion of old copies at a destination after an upload: plan, delete, plan again, in passes that stay far below what one
// payload may hold.

import { ActivityFailure, TimeoutFailure } from '@temporalio/common'
import { isCancellation, proxyActivities, sleep } from '@temporalio/workflow'
import type { Activities } from '../../activities/index.ts'
import type { PruneOutcome } from '../../activities/retention/prune.ts'
import { pruneOptions, retentionOptions } from '../activity-options.ts'
import { statusError, statusErrorOf } from '../failures.ts'
import type { Destination } from '../runs/destination.ts'
import type { RetentionResult, RetentionScope, StatusError } from '../types.ts'
import type { PruneSkip } from './plan-prune.ts'

const { planRemotePrune } = proxyActivities<Activities>(retentionOptions)
const { pruneRemote } = proxyActivities<Activities>(pruneOptions)

/** With 500 deletions per pass, a plan stays far below what one payload may hold, and a lowered keep_last is still carried out. */
const MAX_PASSES = 40
/** Failed passes, with pauses from 4 s to 32 s between them: a minute in all. The next run prunes as well. */
const MAX_FAILURES = 5
const PAUSE_MS = 2_000
/** The status is part of every list, event and signal, so it names only the first deleted files. The audit has all. */
const MAX_NAMES = 100

type PruneInput = {
  readonly run_id: string
  readonly instance: string
  readonly destination: Destination
}

/** What the passes have come to. */
type Tally = {
  rule: { readonly keep_last: number; readonly retention_scope: RetentionScope }
  readonly deleted: string[]
  deletedCount: number
  kept: number
}

type PassEnd =
  | { readonly kind: 'done' }
  /** Another pass has something to do. */
  | { readonly kind: 'more' }
  /** The binding wants nothing deleted any more. */
  | { readonly kind: 'unwanted' }
  | { readonly kind: 'skipped'; readonly skipped: PruneSkip }
  | { readonly kind: 'failed'; readonly error: StatusError }

/**
 * A prune that fails or is cancelled never undoes the upload: it shows in `retention.error`. Each plan goes by the binding
 * as it is then, and so does `keep_last`; null when the binding does not want anything deleted any more.
 */
export async function pruneCopies(
  input: PruneInput,
  keepLast: number,
  remoteId: string,
): Promise<RetentionResult | null> {
  const rule = { keep_last: keepLast, retention_scope: input.destination.retention_scope }
  const tally: Tally = { rule, deleted: [], deletedCount: 0, kept: 0 }
  let failures = 0
  try {
    for (let pass = 1; pass <= MAX_PASSES; pass += 1) {
      const end = await prunePass(input, remoteId, tally)
      switch (end.kind) {
        case 'done':
          return resultOf(tally)
        case 'unwanted':
          return tally.deletedCount === 0 ? null : resultOf(tally)
        case 'skipped':
          return resultOf(tally, { skipped: end.skipped })
        case 'failed':
          failures += 1
          if (!end.error.retryable || failures === MAX_FAILURES) return resultOf(tally, { error: end.error })
          await sleep(PAUSE_MS * 2 ** failures)
          break
        case 'more':
          break
      }
    }
    return resultOf(tally)
  } catch (failure) {
    return resultOf(tally, { error: statusErrorOf(failure) })
  }
}

/** Plans and carries out the plan. */
async function prunePass(
  { run_id, instance, destination }: PruneInput,
  remoteId: string,
  tally: Tally,
): Promise<PassEnd> {
  const { account_id, binding_id, folder } = destination
  const copies = { run_id, instance, account_id, binding_id, folder }
  const plan = await planRemotePrune({ ...copies, remote_id: remoteId })
  if (plan.retention === null) return { kind: 'unwanted' }
  // Workers of earlier versions do not say the rule that they planned by.
  tally.rule = plan.retention ?? tally.rule
  tally.kept = plan.kept
  if (plan.skipped !== null) return { kind: 'skipped', skipped: plan.skipped }
  if (plan.delete.length === 0) return { kind: 'done' }
  const { deleted, error, is_outdated } = await tryToPrune({ ...copies, ...tally.rule, files: plan.delete })
  tally.deletedCount += deleted.length
  tally.deleted.push(...deleted.slice(0, MAX_NAMES - tally.deleted.length))
  if (error !== null) return { kind: 'failed', error }
  return plan.has_more || is_outdated === true ? { kind: 'more' } : { kind: 'done' }
}

function resultOf(
  { rule, deleted, deletedCount, kept }: Tally,
  end: Partial<RetentionResult> = {},
): RetentionResult {
  return {
    keep_last: rule.keep_last,
    deleted,
    ...(deletedCount > deleted.length ? { deleted_count: deletedCount } : {}),
    kept,
    skipped: null,
    error: null,
    ...end,
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

const PLAN_TOO_OLD = {
  fact: 'No worker took the deletion of old copies before its plan was too old.',
  advice: 'Wait; it is planned anew, at the latest by the next run.',
}

/**
 * After a lost worker the prune is planned again, as after any other error, and so it is after a plan that grew too old while
 * no worker was there. Elsewhere such a wait means `no_worker_for_queue`.
 */
export function pruneError(failure: unknown): StatusError {
  const cause = failure instanceof ActivityFailure ? failure.cause : failure
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START'
    ? statusError('worker_lost', PLAN_TOO_OLD.fact, PLAN_TOO_OLD.advice)
    : statusErrorOf(failure)
}
