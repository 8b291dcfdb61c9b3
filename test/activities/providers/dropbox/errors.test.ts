// The table of refusals (docs/providers.md, 2.1 and 2.5), row by row, as bodies of Dropbox's own shapes.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failureFrom } from '../../../../activities/providers/dropbox/answers.ts'
import { DROPBOX_ERRORS } from '../../../../activities/providers/dropbox/error-table.ts'
import { errorOf } from '../../../../activities/providers/dropbox/errors.ts'
import { type ErrorCode, isRetryable } from '../../../../workflows/errors.ts'
import { union } from '../../../clouds/dropbox/refusals.ts'

function refusal(status: number, body: unknown, headers: Record<string, string> = {}) {
  return errorOf(failureFrom(status, (name) => headers[name], body, Date.parse('2026-11-23T10:00:00Z')))
}

const tagged = (tags: string, leaf: Record<string, unknown> = {}) => ({
  error_summary: `${tags}/...`,
  error: union(tags, leaf),
})

const oauth: readonly [number, string, ErrorCode][] = [
  [400, 'invalid_grant', 'credentials_refused'],
  [400, 'invalid_client', 'credentials_refused'],
  [401, 'invalid_client', 'credentials_refused'],
  [400, 'unauthorized_client', 'credentials_refused'],
  [400, 'invalid_request', 'credentials_malformed'],
  [400, 'unsupported_grant_type', 'request_refused'],
]

const unions: readonly [number, string, ErrorCode][] = [
  [401, 'expired_access_token', 'credentials_expired'],
  [401, 'invalid_access_token', 'credentials_refused'],
  [401, 'invalid_select_user', 'account_misconfigured'],
  [401, 'invalid_select_admin', 'account_misconfigured'],
  [401, 'user_suspended', 'permission_denied'],
  [401, 'missing_scope', 'permission_denied'],
  [401, 'route_access_denied', 'permission_denied'],
  [401, 'a_new_tag', 'credentials_refused'],
  [403, 'invalid_account_type/endpoint', 'permission_denied'],
  [403, 'team_access_denied', 'permission_denied'],
  [403, 'a_new_tag', 'permission_denied'],
  [422, 'no_permission', 'account_misconfigured'],
  [422, 'invalid_root', 'account_misconfigured'],
  [409, 'path/insufficient_space', 'storage_quota_exceeded'],
  [409, 'path/team_folder_insufficient_space', 'storage_quota_exceeded'],
  [409, 'path/member_folder_insufficient_space', 'storage_quota_exceeded'],
  [409, 'path/upload_traffic_limit_reached', 'storage_quota_exceeded'],
  [409, 'path/too_many_write_operations', 'rate_limited'],
  [409, 'too_many_write_operations', 'rate_limited'],
  [409, 'path/conflict/file', 'name_conflict'],
  [409, 'path/conflict/folder', 'name_conflict'],
  [409, 'path/conflict/file_ancestor', 'account_misconfigured'],
  [409, 'path/no_write_permission', 'permission_denied'],
  [409, 'path_write/no_write_permission', 'permission_denied'],
  [409, 'path/disallowed_name', 'name_refused'],
  [409, 'path/malformed_path', 'name_refused'],
  [409, 'path/team_folder', 'permission_denied'],
  [409, 'path/operation_suppressed', 'permission_denied'],
  [409, 'path/access_restricted', 'permission_denied'],
  [409, 'path/restricted_content', 'permission_denied'],
  [409, 'payload_too_large', 'request_refused'],
  [409, 'lookup_failed/payload_too_large', 'request_refused'],
  [409, 'too_large', 'archive_too_large'],
  [409, 'lookup_failed/too_large', 'archive_too_large'],
  [409, 'encryption_not_supported', 'account_misconfigured'],
  [409, 'incorrect_offset', 'unexpected_answer'],
  [409, 'lookup_failed/incorrect_offset', 'unexpected_answer'],
  [409, 'not_found', 'session_expired'],
  [409, 'closed', 'session_expired'],
  [409, 'lookup_failed/not_found', 'session_expired'],
  [409, 'lookup_failed/closed', 'session_expired'],
  [409, 'concurrent_session_missing_data', 'session_expired'],
  [409, 'concurrent_session_not_closed', 'unexpected_answer'],
  [409, 'concurrent_session_invalid_offset', 'request_refused'],
  [409, 'concurrent_session_invalid_data_size', 'request_refused'],
  [409, 'concurrent_session_data_not_allowed', 'request_refused'],
  [409, 'content_hash_mismatch', 'hash_mismatch'],
  [409, 'path/not_found', 'folder_missing'],
  [409, 'path/not_folder', 'folder_missing'],
  [409, 'path_write/conflict/file', 'file_changed'],
  [409, 'too_many_files', 'request_refused'],
  [409, 'reset', 'listing_incomplete'],
  [409, 'a_new_tag/with_more', 'unexpected_answer'],
  [429, 'too_many_requests', 'rate_limited'],
  [429, 'too_many_write_operations', 'rate_limited'],
]

const bare: readonly [number, unknown, ErrorCode][] = [
  [400, 'Error in call to API function "files/list_folder": request body: unknown field', 'request_refused'],
  [400, 'The given OAuth 2 access token is malformed.', 'credentials_malformed'],
  [404, 'Not found', 'request_refused'],
  [408, '', 'provider_unavailable'],
  [409, '', 'unexpected_answer'],
  [425, '', 'provider_unavailable'],
  [429, '', 'rate_limited'],
  [429, '<html>slow down</html>', 'rate_limited'],
  [500, '', 'provider_unavailable'],
  [502, '<html></html>', 'provider_unavailable'],
  [503, tagged('other'), 'provider_unavailable'],
  [504, null, 'provider_unavailable'],
  [300, '', 'unexpected_answer'],
  [401, '{"error_summary": "expired_acc', 'unexpected_answer'],
  [409, '{"error_summary": "path/insuff', 'unexpected_answer'],
  [422, '{"error_summ', 'unexpected_answer'],
  [429, '{"error_summ', 'rate_limited'],
  [503, '{"error_summ', 'provider_unavailable'],
]

describe('refusals of Dropbox', () => {
  for (const [status, error, code] of oauth) {
    it(`${status} ${error} at the token endpoint is ${code}`, () => {
      assert.equal(refusal(status, { error, error_description: 'for a developer' }).code, code)
    })
  }
  for (const [status, tags, code] of unions) {
    it(`${status} ${tags} is ${code}`, () => {
      const error = refusal(status, tagged(tags))
      assert.equal(error.code, code)
      assert.equal(error.httpStatus, status)
      assert.ok(error.message.includes(tags), error.message)
    })
  }
  for (const [status, body, code] of bare) {
    it(`${status} with ${JSON.stringify(body)} is ${code}`, () =>
      assert.equal(refusal(status, body).code, code))
  }

  it('are all in the tables above', () => {
    for (const row of DROPBOX_ERRORS) {
      const isTried = [...oauth, ...unions].some(
        ([status, tags]) =>
          status === row.status && (row.reason === undefined || `/${tags}/`.includes(`/${row.reason}/`)),
      )
      assert.ok(isTried || bare.some(([status]) => status === row.status), `${row.status} ${row.reason}`)
    }
  })

  it('are known by their summary where the union is missing', () => {
    assert.equal(refusal(409, { error_summary: 'path/insufficient_space/..' }).code, 'storage_quota_exceeded')
  })

  it('are found in the write error that files/upload wraps', () => {
    const error = { '.tag': 'path', reason: union('conflict/file'), upload_session_id: 'secret-session' }
    const refused = refusal(409, { error_summary: 'path/conflict/file/', error })
    assert.equal(refused.code, 'name_conflict')
    assert.doesNotMatch(refused.message, /secret-session/)
  })

  it('never carry text of the body into the message', () => {
    const poison = 'https://x/?token=sl.secret'
    const bodies: unknown[] = [
      poison,
      { error_summary: poison, error: poison },
      { error: { '.tag': poison } },
    ]
    bodies.push(
      { error: { '.tag': 'missing_scope', required_scope: poison } },
      { error: 'x', error_description: poison },
    )
    for (const status of [400, 401, 403, 404, 409, 422, 429, 500]) {
      for (const body of bodies) assert.doesNotMatch(refusal(status, body).message, /https|secret|token=/)
    }
  })

  it('say which permission is missing', () => {
    const error = refusal(401, tagged('missing_scope', { required_scope: 'files.content.write' }))
    assert.match(error.message, /files\.content\.write/)
  })

  it('pass on the pause that was asked for, the header first', () => {
    const body = {
      error_summary: 'too_many_requests/',
      error: { reason: union('too_many_requests'), retry_after: 9 },
    }
    assert.equal(refusal(429, body, { 'retry-after': '300' }).retryAfterMs, 300_000)
    assert.equal(refusal(429, body).retryAfterMs, 9000)
    assert.equal(refusal(503, '', { 'retry-after': 'Mon, 23 Nov 2026 10:02:00 GMT' }).retryAfterMs, 120_000)
    assert.equal(refusal(429, '', { 'retry-after': 'soon' }).retryAfterMs, undefined)
    assert.equal(refusal(429, '', { 'retry-after': 'Mon, 23 Nov 2026 09:00:00 GMT' }).retryAfterMs, 0)
  })

  it('spread writers over 1 to 15 seconds when the write lock is taken', () => {
    const pauses = Array.from(
      { length: 50 },
      () => refusal(409, tagged('too_many_write_operations')).retryAfterMs ?? 0,
    )
    assert.ok(pauses.every((pause) => pause >= 1000 && pause <= 15_000))
    assert.ok(new Set(pauses).size > 10)
  })

  it('carry the request ID for the support desk, and stop what cannot heal', () => {
    const error = refusal(409, tagged('path/insufficient_space'), { 'x-dropbox-request-id': 'abc123' })
    assert.equal(error.requestId, 'abc123')
    assert.equal(isRetryable(error.code), false)
    assert.equal(refusal(500, '', { 'x-dropbox-request-id': 'https://secret' }).requestId, undefined)
  })
})
