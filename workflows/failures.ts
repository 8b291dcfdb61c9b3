// From Temporal's failures to the codes of errors.ts and back, on the workflow's side.

import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TimeoutFailure,
} from '@temporalio/common'
import { ERROR_RULES, type ErrorCode, isErrorCode, isRetryable } from './errors.ts'
import type { StatusError } from './types.ts'

/** An error in the form of the status, with the advice of its code behind the message. */
export function statusError(code: ErrorCode, message: string): StatusError {
  return { code, message: withAdvice(code, message), retryable: isRetryable(code) }
}

/**
 * Adds the code's advice to a bare fact. A message of more than one sentence says itself what to do, and stays as it is:
 * that of a failed activity has its advice already. Quoted names do not count, whatever stands in them.
 */
export function withAdvice(code: ErrorCode, message: string): string {
  // Only a plain word gets a capital: names of fields and hosts stay as they are.
  const text = message.trim().replace(/^\p{Ll}(?=[\p{L}']*\s)/u, (letter) => letter.toUpperCase())
  if (/[.!?] \S/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'))) return text
  return `${text.replace(/[.!?]?$/, '.')} ${ERROR_RULES[code].advice}`
}

/** Ends a workflow or activity for good: the code is the failure's type. */
export function permanentFailure(code: ErrorCode, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: code, message, nonRetryable: true })
}

/** What a failed activity or child means for a destination. */
export function statusErrorOf(failure: unknown): StatusError {
  const cause =
    failure instanceof ActivityFailure || failure instanceof ChildWorkflowFailure ? failure.cause : failure
  if (cause instanceof ApplicationFailure) {
    const code = isErrorCode(cause.type) ? cause.type : 'internal_error'
    return statusError(code, cause.message)
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
