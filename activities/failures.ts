// The one place where errors become Temporal failures: type = code of workflows/errors.ts, permanent codes are not
// retried, a Retry-After becomes the next delay, details are small and clean, and no cause is passed on (its message
// would be stored in the history).

import { CancelledFailure } from '@temporalio/activity'
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'
import { DbConflict } from '../db/conflict.ts'
import { isDatabaseAway } from '../db/database-errors.ts'
import type { Logger } from '../db/process/log.ts'
import { redact } from '../db/process/redaction.ts'
import { VaultError } from '../db/secrets/vault.ts'
import { ClaimLost } from '../db/uploads/claims.ts'
import { adviceOf, type ErrorCode, isRetryable } from '../workflows/errors.ts'
import { joinedMessage, withFullStop } from '../workflows/explanation.ts'
import { statusError } from '../workflows/failures.ts'
import type { StatusError } from '../workflows/types.ts'
import { ProviderError } from './providers/provider.ts'

/** A failure of the archive, of the records or of what was asked for. Those of providers are ProviderErrors. */
export class StepError extends Error {
  override readonly name = 'StepError'
  readonly code: ErrorCode
  /** What happened, as a sentence. */
  readonly fact: string
  /** What to do. */
  readonly advice: string
  readonly retryAfterMs: number | undefined

  /** `advice`: where that of the code does not fit. */
  constructor(
    code: ErrorCode,
    fact: string,
    more: { readonly advice?: string | undefined; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(fact)
    this.code = code
    this.fact = fact
    this.advice = more.advice ?? adviceOf(code)
    this.retryAfterMs = more.retryAfterMs
  }
}

export type Cause = {
  readonly code: ErrorCode
  readonly fact: string
  readonly advice: string
  readonly retryAfterMs: number | undefined
  readonly details: Readonly<Record<string, string | number>>
}

/** Reads any error as code, fact and advice; an unforeseen one is `internal_error`. */
export function causeOf(error: unknown): Cause {
  if (error instanceof ProviderError) {
    const details: Record<string, string | number> = {}
    if (error.httpStatus !== undefined) details.http_status = error.httpStatus
    if (error.requestId !== undefined) details.request_id = error.requestId
    return { ...explained(error), details }
  }
  if (error instanceof StepError) return explained(error)
  if (error instanceof ClaimLost) return cause('claim_lost', error.message)
  if (error instanceof VaultError) {
    return cause('credentials_unreadable', 'No key of the key file opens the sealed value.')
  }
  if (error instanceof DbConflict) return cause(codeOfConflict(error), error.message)
  if (isDatabaseAway(error)) return cause('database_unavailable', 'The database cannot be reached.')
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return cause('network_stalled', 'No answer came in time.')
  }
  return cause('internal_error', error instanceof Error ? error.message : 'Unknown fault.')
}

function codeOfConflict({ kind, field }: DbConflict): ErrorCode {
  if (kind === 'run_id_conflict') return 'run_id_conflict'
  if (kind === 'not_found' && (field === 'run_id' || field === 'destination')) return 'run_unknown'
  if (kind === 'not_found' && field === 'account_id') return 'unknown_account'
  if (kind === 'not_found' && field === 'instance') return 'unknown_instance'
  return 'invalid_input'
}

function cause(code: ErrorCode, fact: string): Cause {
  return explained(new StepError(code, fact))
}

function explained({ code, fact, advice, retryAfterMs }: StepError | ProviderError): Cause {
  return { code, fact: withFullStop(redact(fact)), advice: redact(advice), retryAfterMs, details: {} }
}

export function statusErrorFrom({ code, fact, advice }: Cause): StatusError {
  return statusError(code, fact, advice)
}

/** A longer pause than this is cut to it, whatever the provider asks for. */
export const LONGEST_PAUSE_MS = 24 * 3_600_000

/** `isFinal` ends the retrying, or lets it go on, whatever the code says. */
export function toFailure(cause: Cause, isFinal = !isRetryable(cause.code)): ApplicationFailure {
  const retryMs = cause.retryAfterMs === undefined ? null : Math.min(cause.retryAfterMs, LONGEST_PAUSE_MS)
  const isExpected = cause.code === 'account_busy' || cause.code === 'rate_limited'
  return ApplicationFailure.create({
    type: cause.code,
    message: joinedMessage(cause),
    nonRetryable: isFinal,
    // The workflow learns the parts and the delay in no other way.
    details: [
      {
        ...cause.details,
        ...(retryMs === null ? {} : { retry_after_ms: retryMs }),
        fact: cause.fact,
        advice: cause.advice,
      },
    ],
    // Waiting for others is no fault: error logs and metrics leave it out.
    ...(isExpected ? { category: ApplicationFailureCategory.BENIGN } : {}),
    ...(retryMs === null ? {} : { nextRetryDelay: retryMs }),
  })
}

/** Wraps an activity so that it fails with ApplicationFailures only; cancellation passes as it is. */
export function withFailures<Input, Output>(
  log: Logger,
  activity: (input: Input) => Promise<Output>,
): (input: Input) => Promise<Output> {
  return async (input) => {
    try {
      return await activity(input)
    } catch (error) {
      if (error instanceof ApplicationFailure || error instanceof CancelledFailure) throw error
      const found = causeOf(error)
      if (found.code === 'internal_error')
        log.error({ err: error }, 'an activity failed in a way nobody foresaw')
      throw toFailure(found)
    }
  }
}
