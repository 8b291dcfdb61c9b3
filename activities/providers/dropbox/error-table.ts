// What each refusal of Dropbox means here, row by row (docs/providers.md, 2.1 and 2.5). Each says what happened,
// and what to do where the code alone says too little.

import type { ErrorCode } from '../../../workflows/errors.ts'

type Row = {
  readonly status: number
  /** Part of the tag path, at a '/' on either side; missing: any reason. */
  readonly reason?: string
  readonly code: ErrorCode
  /** What happened, without the full stop: Dropbox's own reason follows it. */
  readonly fact: string
  /** What to do, where the advice of the code does not fit. */
  readonly advice?: string
}

/** The first row that fits decides. */
export const DROPBOX_ERRORS: readonly Row[] = [
  // the token endpoint (RFC 6749)
  {
    status: 400,
    reason: 'invalid_grant',
    code: 'credentials_refused',
    fact: 'Dropbox says that the refresh token is invalid or was revoked',
    advice: 'Connect the account again.',
  },
  {
    status: 400,
    reason: 'invalid_client',
    code: 'credentials_refused',
    fact: 'Dropbox does not know this app key and app secret',
    advice: 'Copy both from the App Console again.',
  },
  {
    status: 401,
    reason: 'invalid_client',
    code: 'credentials_refused',
    fact: 'Dropbox does not know this app key and app secret',
    advice: 'Copy both from the App Console again.',
  },
  {
    status: 400,
    reason: 'unauthorized_client',
    code: 'credentials_refused',
    fact: 'Dropbox does not let this app renew tokens',
    advice: 'Connect the account again with offline access.',
  },
  {
    status: 400,
    reason: 'unsupported_grant_type',
    code: 'request_refused',
    fact: 'Dropbox does not take refresh tokens at this address',
    advice: 'Check DROPBOX_API_ROOT.',
  },
  {
    status: 400,
    reason: 'invalid_request',
    code: 'credentials_malformed',
    fact: 'Dropbox cannot read the refresh token or app key',
  },

  // tokens
  {
    status: 401,
    reason: 'expired_access_token',
    code: 'credentials_expired',
    fact: 'The access token has expired',
    advice: 'Enter a new one, or better a refresh token, which lasts.',
  },
  {
    status: 401,
    reason: 'invalid_access_token',
    code: 'credentials_refused',
    fact: 'Dropbox says that the access token is invalid or was revoked',
    advice: 'Connect the account again.',
  },
  {
    status: 401,
    reason: 'missing_scope',
    code: 'permission_denied',
    fact: 'The app lacks a permission',
    advice: 'Tick it in the App Console, then connect the account again.',
  },
  {
    status: 401,
    reason: 'user_suspended',
    code: 'permission_denied',
    fact: 'The Dropbox user is suspended',
    advice: 'Ask the administrator of the team.',
  },
  {
    status: 401,
    reason: 'route_access_denied',
    code: 'permission_denied',
    fact: 'The app may not make this call',
    advice: 'Check its permissions in the App Console.',
  },
  {
    status: 401,
    reason: 'invalid_select_user',
    code: 'account_misconfigured',
    fact: 'This is a token of a team, not of a user',
    advice: 'Connect the account as the user who shall own the files.',
  },
  {
    status: 401,
    reason: 'invalid_select_admin',
    code: 'account_misconfigured',
    fact: 'This is a token of a team, not of a user',
    advice: 'Connect the account as the user who shall own the files.',
  },
  {
    status: 401,
    code: 'credentials_refused',
    fact: 'Dropbox refuses the credentials',
    advice: 'Connect the account again.',
  },
  {
    status: 403,
    reason: 'invalid_account_type',
    code: 'permission_denied',
    fact: "The account's plan does not allow this",
    advice: 'Ask the administrator of the team.',
  },
  {
    status: 403,
    reason: 'team_access_denied',
    code: 'permission_denied',
    fact: 'The team does not let this app in',
    advice: 'Ask the administrator of the team.',
  },
  {
    status: 403,
    code: 'permission_denied',
    fact: 'A rule of the account or team forbids this',
    advice: 'Ask the administrator of the team.',
  },
  {
    status: 422,
    reason: 'no_permission',
    code: 'account_misconfigured',
    fact: "The account may not use its team's space",
    advice: 'Ask the administrator of the team.',
  },
  {
    status: 422,
    reason: 'invalid_root',
    code: 'account_misconfigured',
    fact: "The account's team space has moved",
    advice: 'Try again, and connect the account again if it stays so.',
  },

  // space and traffic
  { status: 409, reason: 'insufficient_space', code: 'storage_quota_exceeded', fact: 'The Dropbox is full' },
  {
    status: 409,
    reason: 'team_folder_insufficient_space',
    code: 'storage_quota_exceeded',
    fact: 'The team folder is full',
    advice: 'Free space there or have its limit raised, then re-upload.',
  },
  {
    status: 409,
    reason: 'member_folder_insufficient_space',
    code: 'storage_quota_exceeded',
    fact: "The member's folder is full",
    advice: 'Free space there or have its limit raised, then re-upload.',
  },
  {
    status: 409,
    reason: 'upload_traffic_limit_reached',
    code: 'storage_quota_exceeded',
    fact: "The account's upload traffic is used up",
    advice: 'Wait for the next period or upgrade the plan, then re-upload.',
  },

  // rates
  {
    status: 409,
    reason: 'too_many_write_operations',
    code: 'rate_limited',
    fact: 'Dropbox is busy with other changes in this account',
  },
  {
    status: 429,
    reason: 'too_many_write_operations',
    code: 'rate_limited',
    fact: 'Dropbox is busy with other changes in this account',
  },
  { status: 429, code: 'rate_limited', fact: 'Dropbox asks for a pause' },

  // the upload session
  {
    status: 409,
    reason: 'content_hash_mismatch',
    code: 'hash_mismatch',
    fact: 'The bytes arrived damaged and were thrown away by Dropbox',
  },
  {
    status: 409,
    reason: 'lookup_failed/not_found',
    code: 'session_expired',
    fact: 'Dropbox has forgotten the upload',
  },
  {
    status: 409,
    reason: 'lookup_failed/closed',
    code: 'session_expired',
    fact: 'Dropbox has closed the upload',
  },
  { status: 409, reason: 'closed', code: 'session_expired', fact: 'Dropbox has closed the upload' },
  {
    status: 409,
    reason: 'concurrent_session_missing_data',
    code: 'session_expired',
    fact: 'Dropbox has lost parts of the upload',
  },
  {
    status: 409,
    reason: 'concurrent_session_not_closed',
    code: 'unexpected_answer',
    fact: 'Dropbox does not count the upload as complete',
  },
  {
    status: 409,
    reason: 'incorrect_offset',
    code: 'unexpected_answer',
    fact: 'Dropbox holds another part of the upload than expected',
  },
  {
    status: 409,
    reason: 'concurrent_session_invalid_offset',
    code: 'request_refused',
    fact: 'Dropbox refuses the position of a chunk',
  },
  {
    status: 409,
    reason: 'concurrent_session_invalid_data_size',
    code: 'request_refused',
    fact: 'Dropbox refuses the size of a chunk',
  },
  {
    status: 409,
    reason: 'concurrent_session_data_not_allowed',
    code: 'request_refused',
    fact: 'Dropbox takes no data in this call',
  },
  {
    status: 409,
    reason: 'payload_too_large',
    code: 'request_refused',
    fact: 'Dropbox refuses the size of a request',
  },
  {
    status: 409,
    reason: 'too_large',
    code: 'archive_too_large',
    fact: 'The file is larger than Dropbox takes (2,199,019,061,248 bytes)',
  },
  {
    status: 409,
    reason: 'encryption_not_supported',
    code: 'account_misconfigured',
    fact: 'The folder demands encryption that apps cannot do',
    advice: 'Choose another folder.',
  },

  // paths
  {
    status: 409,
    reason: 'path_write/conflict',
    code: 'file_changed',
    fact: 'The file has changed since it was listed',
  },
  {
    status: 409,
    reason: 'conflict/file_ancestor',
    code: 'account_misconfigured',
    fact: 'A file stands where the folder should be',
    advice: 'Rename it, or choose another remote path.',
  },
  {
    status: 409,
    reason: 'conflict',
    code: 'name_conflict',
    fact: 'Another file or folder holds this name at Dropbox',
  },
  {
    status: 409,
    reason: 'no_write_permission',
    code: 'permission_denied',
    fact: 'The account may not write here',
    advice: 'Give it edit rights, or choose a folder of its own. The top of a team space is often closed.',
  },
  {
    status: 409,
    reason: 'access_restricted',
    code: 'permission_denied',
    fact: 'The team restricts this folder',
    advice: 'Ask its administrator.',
  },
  {
    status: 409,
    reason: 'restricted_content',
    code: 'permission_denied',
    fact: 'Dropbox has locked this content for legal reasons',
    advice: 'Choose another folder.',
  },
  {
    status: 409,
    reason: 'operation_suppressed',
    code: 'permission_denied',
    fact: 'Dropbox does not allow this change here',
    advice: 'Choose another folder.',
  },
  {
    status: 409,
    reason: 'team_folder',
    code: 'permission_denied',
    fact: 'A team folder itself cannot be changed this way',
    advice: 'Use a folder inside it.',
  },
  {
    status: 409,
    reason: 'disallowed_name',
    code: 'name_refused',
    fact: 'Dropbox does not store files of this name',
  },
  {
    status: 409,
    reason: 'malformed_path',
    code: 'name_refused',
    fact: 'Dropbox cannot read this name or path',
    advice: 'Rename the archive, or correct the remote path.',
  },
  {
    status: 409,
    reason: 'path/not_found',
    code: 'folder_missing',
    fact: 'The folder is not there',
    advice: 'Restore it, or correct the remote path.',
  },
  {
    status: 409,
    reason: 'path/not_folder',
    code: 'folder_missing',
    fact: 'A file stands where the folder should be',
    advice: 'Restore the folder, or correct the remote path.',
  },
  { status: 409, reason: 'not_found', code: 'session_expired', fact: 'Dropbox has forgotten the upload' },
  {
    status: 409,
    reason: 'reset',
    code: 'listing_incomplete',
    fact: 'The folder changed while it was listed',
  },
  {
    status: 409,
    reason: 'too_many_files',
    code: 'request_refused',
    fact: 'Dropbox refuses to do this with so many files at once',
  },

  // the rest
  { status: 408, code: 'provider_unavailable', fact: 'Dropbox waited too long for the request' },
  { status: 425, code: 'provider_unavailable', fact: 'Dropbox cannot take the request yet' },
  {
    status: 409,
    code: 'unexpected_answer',
    fact: 'Dropbox refuses for a reason that this version does not know',
  },
]
