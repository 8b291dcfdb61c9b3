// An upload in parts. The attempts of one activity leave nothing in the history; but attempts without limit would keep one
// execution open for as long as an outage lasts, with every signal in its history. So the upload activity gets a limited number
// of attempts, and between two such parts the workflow may continue as new. The session is in the database, so no part knows or
// loses a byte of it.

import { ActivityFailure, ApplicationFailure, RetryState } from '@temporalio/common'
import { proxyActivities } from '@temporalio/workflow'
import type { Activities } from '../../activities/index.ts'
import type { UploadedCopy, UploadInput } from '../../activities/uploads/uploaded-copy.ts'
import { turnOptions, uploadOptions } from '../activity-options.ts'
import { statusErrorOf } from '../failures.ts'
import type { StatusError } from '../types.ts'

const { awaitTurn } = proxyActivities<Activities>(turnOptions)

/** At the longest pause they last for most of an hour. */
const ATTEMPTS_PER_PART = 10
/** After failures that ask for no pause: the worker was lost, again and again. */
const PAUSE_MS = 5 * 60_000

/** How the last part ended; null at the beginning. `pause_ms` is how long it asks to wait. */
export type PartEnd = { readonly pause_ms: number; readonly error: StatusError } | null

type PartedUpload = {
  readonly queue: string
  readonly summary: string
  readonly input: UploadInput
  /** How the last part ended before the workflow continued as new. */
  readonly end: PartEnd
  /** Called between parts. */
  onPart(end: NonNullable<PartEnd>): Promise<void>
}

/** Throws what ends the upload for good, or its cancellation. */
export async function uploadInParts({
  queue,
  summary,
  input,
  onPart,
  ...upload
}: PartedUpload): Promise<UploadedCopy> {
  const { run_id, account_id } = input
  let { end } = upload
  for (;;) {
    const isBusy = end?.error.code === 'account_busy'
    if (end === null || isBusy) await awaitTurn({ run_id, account_id })
    const part = { attempts: ATTEMPTS_PER_PART, first_pause_ms: end === null || isBusy ? null : end.pause_ms }
    const { uploadArchive } = proxyActivities<Activities>(uploadOptions(queue, summary, part))
    try {
      // The activity itself pauses, so that the pause shows and can be ended like every other one between attempts.
      return await uploadArchive(end === null || isBusy ? input : { ...input, resume_after: end })
    } catch (failure) {
      end = partEnd(failure)
      if (end === null) throw failure
      await onPart(end)
    }
  }
}

/** Null for a failure that ends the upload. */
function partEnd(failure: unknown): PartEnd {
  if (!(failure instanceof ActivityFailure) || failure.retryState !== RetryState.MAXIMUM_ATTEMPTS_REACHED)
    return null
  const { cause } = failure
  const isFinal = cause instanceof ApplicationFailure && cause.nonRetryable === true
  return isFinal ? null : { pause_ms: pauseAsked(cause), error: statusErrorOf(failure) }
}

function pauseAsked(cause: unknown): number {
  const details: unknown = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined
  if (typeof details !== 'object' || details === null || !('retry_after_ms' in details)) return PAUSE_MS
  return typeof details.retry_after_ms === 'number' ? details.retry_after_ms : PAUSE_MS
}
