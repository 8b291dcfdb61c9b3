// Turns what Temporal's client throws into three errors that callers can tell apart, and says how a failed workflow or activity
// is shown. Only codes of workflows/errors.ts are passed on, and never gRPC metadata, which holds the API key.

import { isGrpcServiceError, ServiceError } from '@temporalio/client'
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common'
import { adviceOf, type ErrorCode, isErrorCode } from '../../workflows/errors.ts'
import { type Explanation, joinedMessage } from '../../workflows/explanation.ts'
import { explainedFailure } from '../../workflows/failures.ts'

const INVALID_ARGUMENT = 3
const DEADLINE_EXCEEDED = 4
const UNAVAILABLE = 14

/** Temporal is away, too slow, or refuses this client. */
export class TemporalUnavailable extends Error {
  override readonly name = 'TemporalUnavailable'
  /** The status of its answer; null when there was none. */
  readonly grpcStatus: number | null

  constructor(message: string, grpcStatus: number | null) {
    super(message)
    this.grpcStatus = grpcStatus
  }
}

/** True when the server did not answer; false when it answered with a refusal. */
export function isAway(error: unknown): error is TemporalUnavailable {
  if (!(error instanceof TemporalUnavailable)) return false
  const { grpcStatus } = error
  return grpcStatus === null || grpcStatus === UNAVAILABLE || grpcStatus === DEADLINE_EXCEEDED
}

/** True when the server answered that the request is wrong. */
export function isRefusal(error: unknown): error is TemporalUnavailable {
  return error instanceof TemporalUnavailable && error.grpcStatus === INVALID_ARGUMENT
}

/** An activity ended with a code of workflows/errors.ts. */
export class ActivityRefused extends Error {
  override readonly name = 'ActivityRefused'
  readonly code: ErrorCode
  readonly fact: string
  readonly advice: string

  constructor(code: ErrorCode, fact: string, advice: string = adviceOf(code)) {
    super(joinedMessage({ fact, advice }))
    this.code = code
    this.fact = fact
    this.advice = advice
  }
}

/** No worker of the task queue answered in time. */
export class NoWorkerAnswered extends Error {
  override readonly name = 'NoWorkerAnswered'
}

/** The deadline of a call has passed. */
export function noAnswerWithin(ms: number): TemporalUnavailable {
  return new TemporalUnavailable(`no answer within ${ms} ms`, DEADLINE_EXCEEDED)
}

/** True for errors of the connection or the server, false for those of a workflow. */
export function isServiceFault(error: unknown): boolean {
  return error instanceof ServiceError || isGrpcServiceError(error)
}

/** Made of the gRPC error inside, without its metadata. */
export function unavailable(error: unknown): TemporalUnavailable {
  const inner = error instanceof ServiceError && error.cause !== undefined ? error.cause : error
  if (isGrpcServiceError(inner)) {
    return new TemporalUnavailable(`gRPC status ${inner.code}: ${inner.details}`, inner.code)
  }
  const message = inner instanceof Error ? inner.message : 'unknown error'
  return new TemporalUnavailable(message, null)
}

/** How a workflow ended that did not complete. */
export type ClosingFailure = { readonly code: ErrorCode } & Explanation

/** Why a workflow closed without a result. */
export function closingFailure(cause: unknown): ClosingFailure {
  if (cause instanceof ApplicationFailure && isErrorCode(cause.type)) return explainedFailure(cause)
  if (cause instanceof CancelledFailure) return ended('cancelled', 'The sync was cancelled.')
  if (cause instanceof TerminatedFailure)
    return ended('cancelled', 'The workflow of the sync was terminated.')
  return ended('internal_error', 'The workflow of the sync ended without an outcome.')
}

function ended(code: ErrorCode, fact: string): ClosingFailure {
  return { code, fact, advice: adviceOf(code) }
}

/** Why an activity gave no answer: ActivityRefused, NoWorkerAnswered, or the failure itself. */
export function activityError(cause: unknown): Error {
  const failure = cause instanceof ActivityFailure ? cause.cause : cause
  if (failure instanceof TimeoutFailure) {
    return new NoWorkerAnswered('No worker answered in time.')
  }
  if (failure instanceof ApplicationFailure && isErrorCode(failure.type)) {
    const { code, fact, advice } = explainedFailure(failure)
    return new ActivityRefused(code, fact, advice)
  }
  return failure instanceof Error ? failure : new Error('The activity failed without a reason.')
}
