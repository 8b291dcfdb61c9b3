import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HttpAnswer } from '../../../../activities/http/client.ts'
import { graphError, type Subject } from '../../../../activities/providers/onedrive/errors.ts'
import { signInError } from '../../../../activities/providers/onedrive/sign-in-errors.ts'
import type { ErrorCode } from '../../../../workflows/errors.ts'
import { plainErrorBody, refuseSignIn } from '../../../clouds/microsoft/graph-error.ts'

const NOW = Date.parse('2026-11-23T12:00:00Z')

function answer(status: number, body: unknown, headers: HttpAnswer['headers'] = {}): HttpAnswer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(JSON.stringify(body))
  return { status, headers, body: bytes }
}

type Row = readonly [
  status: number,
  codes: readonly string[],
  subject: Subject,
  expected: ErrorCode,
  message?: string,
]

const rows: readonly Row[] = [
  [400, ['invalidRequest'], 'folder', 'request_refused'],
  [400, ['invalidRequest', 'invalidPath'], 'folder', 'name_refused'],
  [400, ['invalidRequest', 'pathIsTooLong'], 'folder', 'name_refused'],
  [400, ['invalidRequest', 'maxFileSizeExceeded'], 'folder', 'archive_too_large'],
  [400, ['BadRequest'], 'drive', 'account_misconfigured', 'Tenant does not have a SPO license.'],
  [401, ['InvalidAuthenticationToken'], 'folder', 'token_refused'],
  [401, ['unauthenticated'], 'folder', 'token_refused'],
  [401, ['generalException'], 'drive', 'permission_denied'],
  [401, ['unauthenticated', 'expiredToken'], 'session', 'session_expired'],
  [401, ['unauthenticated'], 'session', 'session_expired'],
  [403, ['accessDenied'], 'folder', 'permission_denied'],
  [403, ['accessDenied'], 'deletion', 'permission_denied', 'This item is on hold'],
  [403, ['notAllowed'], 'folder', 'permission_denied'],
  [403, ['serviceReadOnly'], 'folder', 'provider_unavailable'],
  [403, ['accessDenied', 'quotaLimitReached'], 'session', 'storage_quota_exceeded'],
  [404, ['itemNotFound'], 'folder', 'folder_missing'],
  [404, ['itemNotFound'], 'drive', 'account_misconfigured'],
  [404, ['itemNotFound'], 'session', 'session_expired'],
  [404, ['itemNotFound'], 'file', 'unexpected_answer'],
  [404, ['ResourceNotFound'], 'drive', 'account_misconfigured', "User's mysite not found."],
  [404, ['Request_ResourceNotFound'], 'drive', 'account_misconfigured'],
  [409, ['nameAlreadyExists'], 'folder', 'name_conflict'],
  [409, ['resourceModified'], 'deletion', 'file_changed'],
  [410, [], 'session', 'session_expired'],
  [411, [], 'session', 'request_refused'],
  [412, ['resourceModified'], 'deletion', 'file_changed'],
  [413, [], 'session', 'unexpected_answer'],
  [416, ['invalidRange', 'fragmentOverlap'], 'session', 'unexpected_answer'],
  [423, ['resourceLocked'], 'deletion', 'file_locked'],
  [423, ['accessDenied'], 'deletion', 'file_locked'],
  [429, ['activityLimitReached'], 'folder', 'rate_limited'],
  [429, ['activityLimitReached', 'throttledRequest'], 'session', 'rate_limited'],
  [408, [], 'session', 'provider_unavailable'],
  [425, [], 'session', 'provider_unavailable'],
  [500, ['generalException'], 'folder', 'provider_unavailable'],
  [501, ['notSupported'], 'folder', 'request_refused'],
  [502, ['UnknownError'], 'folder', 'provider_unavailable'],
  [503, ['serviceNotAvailable'], 'folder', 'provider_unavailable'],
  [504, ['UnknownError'], 'session', 'provider_unavailable'],
  [507, ['insufficientStorage', 'quotaLimitReached'], 'folder', 'storage_quota_exceeded'],
  [507, [], 'session', 'storage_quota_exceeded'],
  [509, [], 'session', 'rate_limited'],
  [418, [], 'folder', 'request_refused'],
  [302, [], 'folder', 'unexpected_answer'],
]

describe('Errors of Graph', () => {
  for (const [status, codes, subject, expected, message] of rows) {
    const named = `${status} ${codes.join('/') || 'without a code'} about a ${subject}`
    it(`${named}${message ? ` ("${message}")` : ''} is ${expected}`, () => {
      for (const inner of ['innerError', 'innererror']) {
        const body = codes.reduceRight<unknown>(
          (below, code) => ({ code, message, ...(below ? { [inner]: below } : {}) }),
          undefined,
        )
        const error = graphError(answer(status, { error: body ?? {} }), subject, NOW)
        assert.equal(error.code, expected)
        assert.equal(error.httpStatus, status)
      }
    })
  }

  it('never carry the words of the answer', () => {
    const secret = 'https://contoso.sharepoint.com/?tempauth=v1.secret'
    const body = { error: { code: `accessDenied ${secret}`, message: secret, innerError: { code: secret } } }
    const error = graphError(answer(403, body), 'folder', NOW)
    assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /secret|tempauth|https/)
    assert.equal(graphError(answer(502, '<html>proxy</html>'), 'folder', NOW).code, 'provider_unavailable')
  })

  it('say how long to wait, in seconds or until a date, and long where the bandwidth is used up', () => {
    const wait = (status: number, value?: string) =>
      graphError(answer(status, {}, value === undefined ? {} : { 'retry-after': value }), 'session', NOW)
        .retryAfterMs
    assert.equal(wait(429, '315'), 315_000)
    assert.equal(wait(503, 'Mon, 23 Nov 2026 12:00:41 GMT'), 41_000)
    assert.equal(wait(503, 'Mon, 23 Nov 2026 11:00:00 GMT'), 0)
    assert.equal(wait(503), undefined)
    assert.equal(wait(429), 60_000)
    assert.equal(wait(509), 600_000)
    assert.equal(wait(429, 'soon'), 60_000)
  })

  it('name the request for the support desk', () => {
    const body = plainErrorBody(500, 'get')
    assert.match(graphError(answer(500, body), 'file', NOW).requestId ?? '', /^[-0-9a-f]{36}$/)
    assert.equal(graphError(answer(500, body, { 'request-id': 'one' }), 'file', NOW).requestId, 'one')
  })
})

const signIns: readonly (readonly [number, ErrorCode, RegExp])[] = [
  [7000215, 'credentials_refused', /refuses the client secret/],
  [7000222, 'credentials_expired', /expired/],
  [700016, 'account_misconfigured', /not in this tenant/],
  [90002, 'account_misconfigured', /does not know the tenant/],
  [900023, 'account_misconfigured', /does not know the tenant/],
  [1002012, 'account_misconfigured', /scope/],
  [70011, 'account_misconfigured', /scope/],
  [7000112, 'account_misconfigured', /disabled/],
  [7000229, 'account_misconfigured', /service principal/],
  [500011, 'account_misconfigured', /not known in this tenant/],
  [53003, 'account_misconfigured', /Conditional Access/],
  [50196, 'rate_limited', /pause/],
  [90033, 'provider_unavailable', /fault/],
  [90012, 'provider_unavailable', /fault/],
]

describe('Refusals of the sign-in', () => {
  for (const [number, expected, words] of signIns) {
    it(`AADSTS${number} is ${expected}`, () => {
      const { answer: refusal } = refuseSignIn(number)
      const error = signInError(answer(refusal.status, refusal.body), NOW)
      assert.equal(error.code, expected)
      assert.match(error.message, words)
      assert.match(error.message, new RegExp(`AADSTS${number}`))
      assert.doesNotMatch(error.message, /Trace|Correlation/)
    })
  }

  it('of an unknown number are told by the status', () => {
    const code = (status: number, body: unknown) => signInError(answer(status, body), NOW).code
    assert.equal(code(401, { error: 'invalid_client', error_codes: [1] }), 'credentials_refused')
    assert.equal(code(400, { error: 'invalid_request', error_codes: [1] }), 'account_misconfigured')
    assert.equal(code(400, { error: 'invalid_tenant' }), 'account_misconfigured')
    assert.equal(code(429, 'busy'), 'rate_limited')
    assert.equal(code(503, '<html>'), 'provider_unavailable')
    assert.equal(code(200, 'a page'), 'unexpected_answer')
  })

  it('are told by the number in the text where the list of numbers is missing', () => {
    const error = signInError(
      answer(401, { error: 'invalid_client', error_description: 'AADSTS7000222: expired' }),
      NOW,
    )
    assert.equal(error.code, 'credentials_expired')
  })
})
