// What each refusal of Dropbox means here, row by row (docs/providers.md, 2.1 and 2.5). Messages say what happened and what
// to do.

import type { ErrorCode } from '../../../workflows/errors.ts'

type Row = {
  readonly status: number
  /** Part of the tag path, at a '/' on either side; missing: any reason. */
  readonly reason?: string
  readonly code: ErrorCode
  readonly message: string
}

/** The first row that fits decides. */
export const DROPBOX_ERRORS: readonly Row[] = [
  // the token endpoint (RFC 6749)
  {
    status: 400,
    reason: 'invalid_grant',
    code: 'credentials_refused',
    message: 'Dropbox says that the refresh token is invalid or was revoked: connect the account again.',
  },
  {
    status: 400,
    reason: 'invalid_client',
    code: 'credentials_refused',
    message: 'Dropbox does not know this app key and app secret: copy both from the App Console again.',
  },
  {
    status: 401,
    reason: 'invalid_client',
    code: 'credentials_refused',
    message: 'Dropbox does not know this app key and app secret: copy both from the App Console again.',
  },
  {
    status: 400,
    reason: 'unauthorized_client',
    code: 'credentials_refused',
    message: 'Dropbox does not let this app renew tokens: connect the account again with offline access.',
  },
  {
    status: 400,
    reason: 'unsupported_grant_type',
    code: 'request_refused',
    message: 'Dropbox does not take refresh tokens at this address: check DROPBOX_API_ROOT.',
  },
  {
    status: 400,
    reason: 'invalid_request',
    code: 'credentials_malformed',
    message: 'Dropbox cannot read the refresh token or app key: enter them again.',
  },

  // tokens
  {
    status: 401,
    reason: 'expired_access_token',
    code: 'credentials_expired',
    message: 'The access token has expired: enter a new one, or better a refresh token, which lasts.',
  },
  {
    status: 401,
    reason: 'invalid_access_token',
    code: 'credentials_refused',
    message: 'Dropbox says that the access token is invalid or was revoked: connect the account again.',
  },
  {
    status: 401,
    reason: 'missing_scope',
    code: 'permission_denied',
    message: 'The app lacks a permission: tick it in the App Console, then connect the account again.',
  },
  {
    status: 401,
    reason: 'user_suspended',
    code: 'permission_denied',
    message: 'The Dropbox user is suspended: ask the administrator of the team.',
  },
  {
    status: 401,
    reason: 'route_access_denied',
    code: 'permission_denied',
    message: 'The app may not make this call: check its permissions in the App Console.',
  },
  {
    status: 401,
    reason: 'invalid_select_user',
    code: 'account_misconfigured',
    message:
      'This is a token of a team, not of a user: connect the account as the user who shall own the files.',
  },
  {
    status: 401,
    reason: 'invalid_select_admin',
    code: 'account_misconfigured',
    message:
      'This is a token of a team, not of a user: connect the account as the user who shall own the files.',
  },
  {
    status: 401,
    code: 'credentials_refused',
    message: 'Dropbox refuses the credentials: connect the account again.',
  },
  {
    status: 403,
    reason: 'invalid_account_type',
    code: 'permission_denied',
    message: "The account's plan does not allow this: ask the administrator of the team.",
  },
  {
    status: 403,
    reason: 'team_access_denied',
    code: 'permission_denied',
    message: 'The team does not let this app in: ask the administrator of the team.',
  },
  {
    status: 403,
    code: 'permission_denied',
    message: 'A rule of the account or team forbids this: ask the administrator of the team.',
  },
  {
    status: 422,
    reason: 'no_permission',
    code: 'account_misconfigured',
    message: "The account may not use its team's space: ask the administrator of the team.",
  },
  {
    status: 422,
    reason: 'invalid_root',
    code: 'account_misconfigured',
    message: "The account's team space has moved: try again, and connect the account again if it stays so.",
  },

  // space and traffic
  {
    status: 409,
    reason: 'insufficient_space',
    code: 'storage_quota_exceeded',
    message: 'The Dropbox is full: free space there or buy more, then re-upload.',
  },
  {
    status: 409,
    reason: 'team_folder_insufficient_space',
    code: 'storage_quota_exceeded',
    message: 'The team folder is full: free space there or have its limit raised, then re-upload.',
  },
  {
    status: 409,
    reason: 'member_folder_insufficient_space',
    code: 'storage_quota_exceeded',
    message: "The member's folder is full: free space there or have its limit raised, then re-upload.",
  },
  {
    status: 409,
    reason: 'upload_traffic_limit_reached',
    code: 'storage_quota_exceeded',
    message:
      "The account's upload traffic is used up: wait for the next period or upgrade the plan, then re-upload.",
  },

  // rates
  {
    status: 409,
    reason: 'too_many_write_operations',
    code: 'rate_limited',
    message: 'Dropbox is busy with other changes in this account; it is tried again.',
  },
  {
    status: 429,
    reason: 'too_many_write_operations',
    code: 'rate_limited',
    message: 'Dropbox is busy with other changes in this account; it is tried again.',
  },
  { status: 429, code: 'rate_limited', message: 'Dropbox asks for a pause; it goes on by itself.' },

  // the upload session
  {
    status: 409,
    reason: 'content_hash_mismatch',
    code: 'hash_mismatch',
    message: 'The bytes arrived damaged and were thrown away by Dropbox; they are sent again.',
  },
  {
    status: 409,
    reason: 'lookup_failed/not_found',
    code: 'session_expired',
    message: 'Dropbox has forgotten the upload; it starts over.',
  },
  {
    status: 409,
    reason: 'lookup_failed/closed',
    code: 'session_expired',
    message: 'Dropbox has closed the upload; it starts over.',
  },
  {
    status: 409,
    reason: 'closed',
    code: 'session_expired',
    message: 'Dropbox has closed the upload; it starts over.',
  },
  {
    status: 409,
    reason: 'concurrent_session_missing_data',
    code: 'session_expired',
    message: 'Dropbox has lost parts of the upload; it starts over.',
  },
  {
    status: 409,
    reason: 'concurrent_session_not_closed',
    code: 'unexpected_answer',
    message: 'Dropbox does not count the upload as complete; it is asked again.',
  },
  {
    status: 409,
    reason: 'incorrect_offset',
    code: 'unexpected_answer',
    message: 'Dropbox holds another part of the upload than expected; it is asked again.',
  },
  {
    status: 409,
    reason: 'concurrent_session_invalid_offset',
    code: 'request_refused',
    message: 'Dropbox refuses the position of a chunk; please report this.',
  },
  {
    status: 409,
    reason: 'concurrent_session_invalid_data_size',
    code: 'request_refused',
    message: 'Dropbox refuses the size of a chunk; please report this.',
  },
  {
    status: 409,
    reason: 'concurrent_session_data_not_allowed',
    code: 'request_refused',
    message: 'Dropbox takes no data in this call; please report this.',
  },
  {
    status: 409,
    reason: 'payload_too_large',
    code: 'request_refused',
    message: 'Dropbox refuses the size of a request; please report this.',
  },
  {
    status: 409,
    reason: 'too_large',
    code: 'archive_too_large',
    message: 'The file is larger than Dropbox takes (2,199,019,061,248 bytes): use another destination.',
  },
  {
    status: 409,
    reason: 'encryption_not_supported',
    code: 'account_misconfigured',
    message: 'The folder demands encryption that apps cannot do: choose another folder.',
  },

  // paths
  {
    status: 409,
    reason: 'path_write/conflict',
    code: 'file_changed',
    message: 'The file has changed since it was listed: it is left alone.',
  },
  {
    status: 409,
    reason: 'conflict/file_ancestor',
    code: 'account_misconfigured',
    message: 'A file stands where the folder should be: rename it, or choose another remote path.',
  },
  {
    status: 409,
    reason: 'conflict',
    code: 'name_conflict',
    message: 'Another file or folder holds this name at Dropbox.',
  },
  {
    status: 409,
    reason: 'no_write_permission',
    code: 'permission_denied',
    message:
      'The account may not write here: give it edit rights, or choose a folder of its own. The top of a team space is often closed.',
  },
  {
    status: 409,
    reason: 'access_restricted',
    code: 'permission_denied',
    message: 'The team restricts this folder: ask its administrator.',
  },
  {
    status: 409,
    reason: 'restricted_content',
    code: 'permission_denied',
    message: 'Dropbox has locked this content for legal reasons.',
  },
  {
    status: 409,
    reason: 'operation_suppressed',
    code: 'permission_denied',
    message: 'Dropbox does not allow this change here: choose another folder.',
  },
  {
    status: 409,
    reason: 'team_folder',
    code: 'permission_denied',
    message: 'A team folder itself cannot be changed this way: use a folder inside it.',
  },
  {
    status: 409,
    reason: 'disallowed_name',
    code: 'name_refused',
    message: 'Dropbox does not store files of this name: rename the archive.',
  },
  {
    status: 409,
    reason: 'malformed_path',
    code: 'name_refused',
    message: 'Dropbox cannot read this name or path: rename the archive, or correct the remote path.',
  },
  {
    status: 409,
    reason: 'path/not_found',
    code: 'folder_missing',
    message: 'The folder is not there: restore it, or correct the remote path.',
  },
  {
    status: 409,
    reason: 'path/not_folder',
    code: 'folder_missing',
    message: 'A file stands where the folder should be: restore the folder, or correct the remote path.',
  },
  {
    status: 409,
    reason: 'not_found',
    code: 'session_expired',
    message: 'Dropbox has forgotten the upload; it starts over.',
  },
  {
    status: 409,
    reason: 'reset',
    code: 'listing_incomplete',
    message: 'The folder changed while it was listed: nothing is deleted; it is listed again.',
  },
  {
    status: 409,
    reason: 'too_many_files',
    code: 'request_refused',
    message: 'Dropbox refuses to do this with so many files at once; please report this.',
  },

  // the rest
  {
    status: 408,
    code: 'provider_unavailable',
    message: 'Dropbox waited too long for the request; it is tried again.',
  },
  {
    status: 425,
    code: 'provider_unavailable',
    message: 'Dropbox cannot take the request yet; it is tried again.',
  },
  {
    status: 409,
    code: 'unexpected_answer',
    message: 'Dropbox refuses for a reason that this version does not know; it is tried again.',
  },
]
