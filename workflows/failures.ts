// From Temporal's failures to the codes of errors.ts and back, on the workflow's side.

import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TimeoutFailure,
} from '@temporalio/common'
import { adviceOf, type ErrorCode, isErrorCode, isRetryable } from './errors.ts'
import { type Explanation, explanationOf, joinedMessage, withFullStop } from './explanation.ts'
import type { StatusError } from './types.ts'

/** An error in the form of the status: the fact with the advice of its code, or with one of its own. */
export function statusError(code: ErrorCode, fact: string, advice: string = adviceOf(code)): StatusError {
  const explanation = { fact: withFullStop(fact), advice }
  return { code, message: joinedMessage(explanation), retryable: isRetryable(code), ...explanation }
}

/** Ends a workflow or activity for good: the code is the failure's type. */
export function permanentFailure(
  code: ErrorCode,
  fact: string,
  advice: string = adviceOf(code),
): ApplicationFailure {
  const { message, ...error } = statusError(code, fact, advice)
  const details = [{ fact: error.fact, advice: error.advice }]
  return ApplicationFailure.create({ type: code, message, nonRetryable: true, details })
}

/** The code and the two parts of a failure; one that an earlier version or another program made has but a message. */
export function explainedFailure(failure: ApplicationFailure): { readonly code: ErrorCode } & Explanation {
  const code = isErrorCode(failure.type) ? failure.type : 'internal_error'
  const details: unknown = failure.details?.[0]
  return { code, ...explanationOf({ code, message: failure.message, ...partsIn(details) }) }
}

function partsIn(details: unknown): Partial<Explanation> {
  if (typeof details !== 'object' || details === null) return {}
  const fact = 'fact' in details && typeof details.fact === 'string' ? { fact: details.fact } : {}
  const advice = 'advice' in details && typeof details.advice === 'string' ? { advice: details.advice } : {}
  return { ...fact, ...advice }
}

/** What a failed activity or child means for a destination. */
export function statusErrorOf(failure: unknown): StatusError {
  const cause =
    failure instanceof ActivityFailure || failure instanceof ChildWorkflowFailure ? failure.cause : failure
  if (cause instanceof ApplicationFailure) {
    const { code, fact, advice } = explainedFailure(cause)
    return statusError(code, fact, advice)
  }
  if (cause instanceof TimeoutFailure) {
    // Tried until the time was over: what failed last says more than that.
    if (cause.cause instanceof ApplicationFailure) return statusErrorOf(cause.cause)
    return cause.timeoutType === 'SCHEDULE_TO_START'
      ? statusError('no_worker_for_queue', `No worker came in time ${purposeOf(failure)}.`)
      : statusError('worker_lost', 'The worker did not answer in time.')
  }
  if (cause instanceof CancelledFailure) return statusError('cancelled', 'The upload was cancelled.')
  return statusError('internal_error', cause instanceof Error ? cause.message : 'Unknown failure.')
}

/** What a worker was waited for. */
function purposeOf(failure: unknown): string {
  const activity = failure instanceof ActivityFailure ? failure.activityType : null
  switch (activity) {
    case 'pinArchive':
      return 'that could look for the archive and keep it'
    case 'uploadArchive':
      return 'that could upload the archive'
    case null:
      return 'from the task queue'
    default:
      return `from the task queue for ${activity}`
  }
}
