// Every refusal of Dropbox in the codes of workflows/errors.ts, by the one table of error-table.ts. Messages never carry
// a URL, token, path or body.

import { ProviderError } from '../provider.ts'
import type { DropboxFailure } from './answers.ts'
import { DROPBOX_ERRORS } from './error-table.ts'

/**
 * The ProviderError of a refusal. An unknown 409 may be repeated, because every call here is safe to repeat: commits
 * never overwrite nor rename, deletions are bound to an ID and revision.
 */
export function errorOf(failure: DropboxFailure): ProviderError {
  const { status, requestId } = failure
  const more = { httpStatus: status, retryAfterMs: failure.retryAfterMs, requestId }
  if (failure.isTokenMalformed) {
    return new ProviderError('credentials_malformed', 'The access token is not one of Dropbox.', more)
  }
  if (failure.isCut && status < 500 && status !== 429) {
    return new ProviderError('unexpected_answer', `Dropbox's answer (HTTP ${status}) broke off.`, more)
  }
  const row = DROPBOX_ERRORS.find(
    (candidate) => candidate.status === status && covers(failure.reason, candidate.reason),
  )
  if (row === undefined) return plainError(failure, more)
  const retryAfterMs = row.code === 'rate_limited' ? pauseOf(failure) : failure.retryAfterMs
  const quoted = [failure.reason, failure.requiredScope].filter((part) => part).join(', ')
  const fact = quoted === '' ? `${row.fact}.` : `${row.fact} (${quoted}).`
  return new ProviderError(row.code, fact, { ...more, retryAfterMs, advice: row.advice })
}

/** True when the failure's tag path has this part. */
export function covers(reason: string, part: string | undefined): boolean {
  return part === undefined || `/${reason}/`.includes(`/${part}/`)
}

function plainError(
  failure: DropboxFailure,
  more: ConstructorParameters<typeof ProviderError>[2],
): ProviderError {
  const { status } = failure
  if (status >= 500) {
    return new ProviderError('provider_unavailable', `Dropbox has a fault (HTTP ${status}).`, more)
  }
  if (status >= 400) {
    return new ProviderError(
      'request_refused',
      `Dropbox refuses the request as wrong (HTTP ${status}).`,
      more,
    )
  }
  return new ProviderError(
    'unexpected_answer',
    `Dropbox answered HTTP ${status}, which it never should.`,
    more,
  )
}

/** What Dropbox asked for, else 1 to 15 s for its write lock; random, so that writers do not come back together. */
function pauseOf(failure: DropboxFailure): number | undefined {
  if (failure.retryAfterMs !== undefined) return failure.retryAfterMs
  return covers(failure.reason, 'too_many_write_operations') ? 1000 + Math.random() * 14_000 : undefined
}
