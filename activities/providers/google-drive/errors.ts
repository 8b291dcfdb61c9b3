// The one place where answers of Google become errors of ours: status and reason by table (docs/providers.md, 1.1 and 1.7).
// Nothing of an answer gets into a message but Google's short reason.

import { z } from 'zod'
import { parseJson } from '../../../db/process/json.ts'
import { type ErrorCode, isRetryable } from '../../../workflows/errors.ts'
import { retryAfterMs } from '../../http/retry-after.ts'
import { ProviderError } from '../provider.ts'

type GoogleAnswer = {
  readonly status: number
  /** Parsed JSON, or text. */
  readonly body: unknown
  /** The Retry-After header. */
  readonly retryAfter?: string | null | undefined
}

/**
 * A code; what happened, without the full stop, because the status and Google's own reason follow it; and what to do, where
 * the advice of the code does not fit.
 */
type Row = readonly [code: ErrorCode, fact: string, advice?: string]

const RATE: Row = ['rate_limited', 'Google Drive asks for a pause']
const FAULT: Row = ['provider_unavailable', 'Google Drive has a fault']
const PERMISSION: Row = ['permission_denied', 'Google Drive does not allow this to the account']
const SCOPE: Row = [
  'permission_denied',
  'The token lacks the Drive scope',
  'Grant the Drive scope to the client ID of the service account.',
]
const DISABLED: Row = [
  'api_not_enabled',
  'The Google Drive API is not enabled in the project of the service account',
  'Enable the Google Drive API in that project.',
]
const ITEMS: Row = [
  'folder_full',
  'The folder or shared drive holds as many items or levels as Google allows',
]

/** Reasons of Drive v3, whichever 4xx they come with. */
export const DRIVE_REASONS: Readonly<Record<string, Row>> = {
  // Another token can always be had: whether the service account is of use says the token endpoint.
  authError: ['token_refused', 'Google refuses a token that it has just given'],
  rateLimitExceeded: RATE,
  // Google answers the same after 750 GB in a day: the bytes sent within a day tell the two apart.
  userRateLimitExceeded: RATE,
  sharingRateLimitExceeded: RATE,
  RATE_LIMIT_EXCEEDED: RATE,
  dailyLimitExceeded: ['daily_limit_reached', "The day's quota of this Google project is used up"],
  // Of a folder in My Drive it means something else (my-drive.ts).
  storageQuotaExceeded: ['storage_quota_exceeded', 'The drive is full'],
  quotaExceeded: ['storage_quota_exceeded', 'The storage of this Google account is full'],
  teamDriveFileLimitExceeded: ITEMS,
  teamDriveHierarchyTooDeep: ITEMS,
  numChildrenInNonRootLimitExceeded: ITEMS,
  activeItemCreationLimitExceeded: ITEMS,
  myDriveHierarchyDepthLimitExceeded: ITEMS,
  insufficientFilePermissions: PERMISSION,
  insufficientParentPermissions: PERMISSION,
  teamDriveMembershipRequired: [
    'permission_denied',
    'The service account is not a member of the shared drive',
    'Make the service account a Content manager or Manager of the shared drive.',
  ],
  cannotAddParent: PERMISSION,
  forbidden: PERMISSION,
  insufficientPermissions: SCOPE,
  ACCESS_TOKEN_SCOPE_INSUFFICIENT: SCOPE,
  appNotAuthorizedToFile: ['permission_denied', 'The file or folder is not open to this application'],
  domainPolicy: [
    'permission_denied',
    "The domain's administrators do not allow this to applications",
    'Ask an administrator of the domain.',
  ],
  accessNotConfigured: DISABLED,
  SERVICE_DISABLED: DISABLED,
  notFound: [
    'folder_missing',
    'Google Drive does not find the folder, or it is not shared with this account',
  ],
  backendError: FAULT,
  internalError: FAULT,
}

/** Reasons that say nothing beside another one in the same answer (`forbidden` stands next to the real cause). */
const VAGUE = new Set(['forbidden', 'backendError', 'internalError'])

const driveErrorSchema = z.object({
  error: z.object({
    errors: z.array(z.object({ reason: z.string() })).default([]),
    details: z.array(z.object({ reason: z.string().optional() })).default([]),
  }),
})

/** Google's reasons in a Drive error, the telling one first; empty where the answer is no Drive error. */
export function reasonsOf(body: unknown): readonly string[] {
  const parsed = driveErrorSchema.safeParse(typeof body === 'string' ? parseJson(body) : body)
  if (!parsed.success) return []
  const { errors, details } = parsed.data.error
  const reasons = [...errors, ...details].flatMap(({ reason }) => (reason === undefined ? [] : [reason]))
  return reasons.toSorted((a, b) => Number(VAGUE.has(a)) - Number(VAGUE.has(b)))
}

/** An answer of Drive (JSON API or upload) that is no success. */
export function driveError(answer: GoogleAnswer): ProviderError {
  const { status } = answer
  const reasons = reasonsOf(answer.body)
  const more = { httpStatus: status, retryAfterMs: retryAfterMs(answer.retryAfter, Date.now()) }
  const named = reasons
    .map((reason) => [reason, DRIVE_REASONS[reason]] as const)
    .find(([, row]) => row !== undefined)
  const isHealing = status >= 500 || status === 408 || status === 429
  if (status === 401 || (isHealing && (named?.[1] === undefined || !isRetryable(named[1][0])))) {
    // The status rules here: what heals must not become permanent by a reason.
    return errorOfRow(BY_STATUS[status] ?? FAULT, String(status), more)
  }
  if (named?.[1] !== undefined) return errorOfRow(named[1], `${status} ${named[0]}`, more)
  const row = BY_STATUS[status] ?? OTHERS
  const reason = reasons.find((text) => /^\w{1,60}$/.test(text))
  if (reason === undefined && row === OTHERS) return errorOfRow(FOREIGN, String(status), more)
  return errorOfRow(row, reason === undefined ? String(status) : `${status} ${reason}`, more)
}

function errorOfRow(
  [code, fact, advice]: Row,
  quoted: string,
  more: { readonly httpStatus: number; readonly retryAfterMs: number | undefined },
): ProviderError {
  return new ProviderError(code, `${fact} (${quoted}).`, { ...more, advice })
}

const OTHERS: Row = ['request_refused', 'Google Drive refuses the request']
/** No error of Drive's: something in between has answered. */
const FOREIGN: Row = [
  'unexpected_answer',
  "The answer is not Google's",
  'Look for a proxy or firewall in between.',
]

/** By the HTTP status, where no reason of the answer decides. */
export const BY_STATUS: Readonly<Record<number, Row>> = {
  401: DRIVE_REASONS.authError ?? OTHERS,
  404: ['folder_missing', 'Google Drive does not find what was named'],
  408: ['provider_unavailable', 'Google Drive waited too long for the request'],
  409: ['unexpected_answer', 'Google Drive reports a conflict'],
  429: RATE,
  500: FAULT,
}

const tokenErrorSchema = z.object({ error: z.string(), error_description: z.string().default('') })

/** An answer of the token endpoint that is no success. */
export function tokenError(answer: GoogleAnswer, subject: string | undefined): ProviderError {
  const { status } = answer
  const more = { httpStatus: status, retryAfterMs: retryAfterMs(answer.retryAfter, Date.now()) }
  if (status === 429) return errorOfRow(TOKEN_RATE, '429', more)
  if (status >= 500 || status === 408) return errorOfRow(TOKEN_FAULT, String(status), more)
  const parsed = tokenErrorSchema.safeParse(
    typeof answer.body === 'string' ? parseJson(answer.body) : answer.body,
  )
  if (!parsed.success) return errorOfRow(TOKEN_FOREIGN, String(status), more)
  const { error, error_description: description } = parsed.data
  if (error === 'internal_failure' || error === 'temporarily_unavailable') {
    return errorOfRow(TOKEN_FAULT, String(status), more)
  }
  const reason = /^\w{1,60}$/.test(error) ? ` ${error}` : ''
  return errorOfRow(tokenRow(error, description, subject !== undefined), `${status}${reason}`, more)
}

const TOKEN_RATE: Row = ['rate_limited', "Google's token service asks for a pause"]
const TOKEN_FAULT: Row = ['provider_unavailable', "Google's token service has a fault"]
const TOKEN_FOREIGN: Row = [
  'unexpected_answer',
  "The answer is not that of Google's token service",
  'Look for a proxy or firewall in between.',
]

function tokenRow(error: string, description: string, hasSubject: boolean): Row {
  if (error === 'invalid_grant') {
    if (/short-lived token|\biat\b|\bexp\b/i.test(description)) {
      return [
        'clock_skewed',
        "Google refuses the time in the token request, because this machine's clock is wrong",
      ]
    }
    if (/signature/i.test(description)) {
      return [
        'credentials_refused',
        'Google does not know this key, which was deleted or replaced',
        'Make a new key file and enter it.',
      ]
    }
    if (/account not found|Invalid email or User ID/i.test(description)) {
      return hasSubject
        ? [
            'account_misconfigured',
            'Google does not know the service account, or the user named in "subject"',
            'Correct "subject", or enter the key file of a service account that exists.',
          ]
        : [
            'credentials_refused',
            'Google does not know the service account, which was deleted',
            'Enter the key file of a service account that exists.',
          ]
    }
    return [
      'credentials_refused',
      'Google refuses the key of the service account',
      'Make a new key file and enter it.',
    ]
  }
  if (error === 'unauthorized_client') {
    return [
      'account_misconfigured',
      'Google does not let the service account act for "subject"',
      'Let a Workspace administrator grant domain-wide delegation for its client ID with the Drive scope (Admin console, ' +
        "API controls). Consumer accounts can't do this.",
    ]
  }
  if (error === 'invalid_scope') {
    return [
      'account_misconfigured',
      'Google does not grant the Drive scope',
      'Grant the Drive scope to the client ID of the service account.',
    ]
  }
  if (error === 'invalid_client' || error === 'disabled_client' || error === 'deleted_client') {
    return [
      'credentials_refused',
      'The service account is disabled or deleted',
      'Enable the service account, or enter the key file of another one.',
    ]
  }
  return ['credentials_refused', 'Google refuses the credentials']
}
