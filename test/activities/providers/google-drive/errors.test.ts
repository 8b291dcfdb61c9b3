// The tables of docs/providers.md, 1.1 and 1.7, row by row: which answer of Google becomes which code.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { driveError, reasonsOf, tokenError } from '../../../../activities/providers/google-drive/errors.ts'
import type { ErrorCode } from '../../../../workflows/errors.ts'
import { driveErrorBody } from '../../../clouds/google/drive-error.ts'
import { assertClean } from './harness.ts'

const DRIVE_TABLE: readonly (readonly [status: number, reason: string, code: ErrorCode])[] = [
  [400, 'badRequest', 'request_refused'],
  [400, 'invalid', 'request_refused'],
  [400, 'invalidParameter', 'request_refused'],
  [400, 'teamDriveFileLimitExceeded', 'folder_full'],
  [400, 'teamDriveHierarchyTooDeep', 'folder_full'],
  [401, 'authError', 'token_refused'],
  [403, 'rateLimitExceeded', 'rate_limited'],
  [403, 'userRateLimitExceeded', 'rate_limited'],
  [403, 'sharingRateLimitExceeded', 'rate_limited'],
  [403, 'dailyLimitExceeded', 'daily_limit_reached'],
  [403, 'storageQuotaExceeded', 'storage_quota_exceeded'],
  [403, 'quotaExceeded', 'storage_quota_exceeded'],
  [403, 'teamDriveFileLimitExceeded', 'folder_full'],
  [403, 'numChildrenInNonRootLimitExceeded', 'folder_full'],
  [403, 'activeItemCreationLimitExceeded', 'folder_full'],
  [403, 'myDriveHierarchyDepthLimitExceeded', 'folder_full'],
  [403, 'insufficientFilePermissions', 'permission_denied'],
  [403, 'insufficientParentPermissions', 'permission_denied'],
  [403, 'insufficientPermissions', 'permission_denied'],
  [403, 'appNotAuthorizedToFile', 'permission_denied'],
  [403, 'domainPolicy', 'permission_denied'],
  [403, 'teamDriveMembershipRequired', 'permission_denied'],
  [403, 'cannotAddParent', 'permission_denied'],
  [403, 'accessNotConfigured', 'api_not_enabled'],
  [403, 'somethingNew', 'request_refused'],
  [404, 'notFound', 'folder_missing'],
  [409, 'fileIdInUse', 'unexpected_answer'],
  [409, 'duplicate', 'unexpected_answer'],
  [410, 'internalError', 'provider_unavailable'],
  [412, 'conditionNotMet', 'request_refused'],
  [408, 'requestTimeout', 'provider_unavailable'],
  [429, 'rateLimitExceeded', 'rate_limited'],
  [429, 'dailyLimitExceeded', 'daily_limit_reached'],
  [429, 'storageQuotaExceeded', 'rate_limited'],
  [500, 'internalError', 'provider_unavailable'],
  [500, 'notFound', 'provider_unavailable'],
  [502, 'backendError', 'provider_unavailable'],
  [503, 'backendError', 'provider_unavailable'],
  [504, 'backendError', 'provider_unavailable'],
]

describe('an error of Drive', () => {
  for (const [status, reason, code] of DRIVE_TABLE) {
    it(`${status} ${reason} is ${code}`, () => {
      const error = driveError({
        status,
        body: driveErrorBody(status, reason, 'see https://example.com?upload_id=1'),
      })
      assert.equal(error.code, code, error.message)
      assert.equal(error.httpStatus, status)
      assertClean(error.message)
    })
  }

  it('is told by its telling reason when a vague one stands first', () => {
    const error = {
      code: 403,
      errors: [{ reason: 'forbidden' }],
      details: [{ '@type': 'x' }, { reason: 'SERVICE_DISABLED' }],
    }
    assert.deepEqual(reasonsOf({ error }), ['SERVICE_DISABLED', 'forbidden'])
    assert.equal(driveError({ status: 403, body: JSON.stringify({ error }) }).code, 'api_not_enabled')
  })

  for (const status of [400, 403, 405, 407, 451]) {
    it(`${status} without a body of Google's is somebody else's answer, and tried again`, () => {
      for (const body of ['<html>blocked</html>', '', undefined, { error: 'x' }, null]) {
        assert.equal(driveError({ status, body }).code, 'unexpected_answer')
      }
    })
  }

  it('never carries words of the answer but a short reason', () => {
    const body = driveErrorBody(403, 'https://evil.example/?upload_id=secret', 'ya29.secret')
    assert.equal(driveError({ status: 403, body }).message.includes('evil'), false)
  })
})

const JWT_TIME =
  'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values'
const TOKEN_TABLE: readonly (readonly [number, string, string, ErrorCode, subject?: string])[] = [
  [
    401,
    'unauthorized_client',
    'Client is unauthorized to retrieve access tokens',
    'account_misconfigured',
    'a@b.c',
  ],
  [400, 'invalid_grant', 'Invalid JWT Signature.', 'credentials_refused'],
  [400, 'invalid_grant', JWT_TIME, 'clock_skewed'],
  [400, 'invalid_grant', 'Invalid grant: account not found', 'credentials_refused'],
  [400, 'invalid_grant', 'Invalid email or User ID', 'account_misconfigured', 'a@b.c'],
  [400, 'invalid_grant', 'anything else', 'credentials_refused'],
  [401, 'invalid_client', 'The OAuth client was not found.', 'credentials_refused'],
  [401, 'disabled_client', 'The OAuth client was disabled.', 'credentials_refused'],
  [400, 'invalid_scope', 'Invalid OAuth scope', 'account_misconfigured'],
  [400, 'something_new', '', 'credentials_refused'],
  [429, 'rate_limit', '', 'rate_limited'],
  [500, 'internal_failure', '', 'provider_unavailable'],
  [401, 'internal_failure', '', 'provider_unavailable'],
  [503, 'invalid_grant', 'Invalid JWT Signature.', 'provider_unavailable'],
]

describe('an error of the token service', () => {
  for (const [status, error, description, code, subject] of TOKEN_TABLE) {
    it(`${status} ${error} "${description.slice(0, 40)}" is ${code}`, () => {
      const found = tokenError({ status, body: { error, error_description: description } }, subject)
      assert.equal(found.code, code)
      assertClean(found.message)
      assert.equal(
        tokenError({ status, body: JSON.stringify({ error, error_description: description }) }, subject).code,
        code,
      )
    })
  }

  it('of a proxy is no word about the credentials', () => {
    for (const status of [302, 403, 404, 407]) {
      assert.equal(tokenError({ status, body: '<html>' }, undefined).code, 'unexpected_answer')
    }
  })
})
