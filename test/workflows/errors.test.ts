import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ERROR_CODES, ERROR_RULES, type ErrorCode, isErrorCode, isRetryable } from '../../workflows/errors.ts'

describe('the error codes', () => {
  it('error codes are snake_case, and each says in a sentence what to do', () => {
    for (const code of ERROR_CODES) {
      assert.match(code, /^[a-z]+(_[a-z]+)*$/)
      assert.match(ERROR_RULES[code].advice, /^\p{Lu}.{10,}\.$/su, code)
    }
  })

  it('isErrorCode knows what is a code and what is not', () => {
    for (const code of ERROR_CODES) assert.ok(isErrorCode(code))
    for (const value of ['toString', '__proto__', 'constructor', '', null, undefined, 7, 'unknown'])
      assert.equal(isErrorCode(value), false, String(value))
  })

  it('permanent error codes are those that no retry can heal (docs/design.md, rule 8)', () => {
    const permanent: readonly ErrorCode[] = [
      'credentials_malformed',
      'credentials_refused',
      'folder_missing',
      'storage_quota_exceeded',
      'permission_denied',
      'archive_missing',
      'archive_changed',
      'archive_outside_root',
      'invalid_input',
      'cancelled',
      'no_progress',
    ]
    for (const code of permanent) assert.equal(isRetryable(code), false, code)
  })

  it('retryable error codes are those that can heal (docs/design.md, rule 8)', () => {
    const healing: readonly ErrorCode[] = [
      'rate_limited',
      'provider_unavailable',
      'network_unreachable',
      'network_stalled',
      'session_expired',
      'worker_lost',
      'claim_lost',
      'daily_limit_reached',
      'listing_incomplete',
      'account_busy',
    ]
    for (const code of healing) assert.equal(isRetryable(code), true, code)
  })
})
