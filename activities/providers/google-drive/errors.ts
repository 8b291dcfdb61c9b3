// The one place where answers of Google become errors of ours: status and reason by table (docs/providers.md, 1.1 and 1.7).
// Nothing of an answer gets into a message but Google's short reason.

import { z } from 'zod'
import { parseJson } from '../../../db/process/json.ts'
import { type ErrorCode, isRetryable } from '../../../workflows/errors.ts'
import { retryAfterMs } from '../../http/retry-after.ts'
import { ProviderError } from '../provider.ts'

export type GoogleAnswer = {
  readonly status: number
  /** Parsed JSON, or text. */
  readonly body: unknown
  /** The Retry-After header. */
  readonly retryAfter?: string | null | undefined
}

type Row = readonly [code: ErrorCode, message: string]

const RATE: Row = ['rate_limited', 'Google Drive asks for a pause']
const FULL: Row = ['storage_quota_exceeded', 'the storage of this Google account is full']
const PERMISSION: Row = ['permission_denied', 'Google Drive does not allow this to the account']
const ITEMS: Row = [
  'folder_full',
  'the folder or shared drive holds as many items or levels as Google allows',
]

/** What a service account without storage of its own is told (docs/providers.md, 1.2). */
const NO_STORAGE =
  'Google Drive has no storage for this upload: service accounts own none. Use a folder in a shared drive of which the ' +
  'service account is a member, or act for a user by the setting "subject"; otherwise that drive is full'

/** Reasons of Drive v3, whichever 4xx they come with. */
export const DRIVE_REASONS: Readonly<Record<string, Row>> = {
  // Another token can always be had: whether the service account is of use says the token endpoint.
  authError: ['token_refused', 'Google refuses a token that it has just given'],
  rateLimitExceeded: RATE,
  // Also the answer after 750 GB in a day: the same words, so the ledger of sent bytes must tell them apart.
  userRateLimitExceeded: RATE,
  sharingRateLimitExceeded: RATE,
  RATE_LIMIT_EXCEEDED: RATE,
  dailyLimitExceeded: ['daily_limit_reached', "the day's quota of this Google project is used up"],
  storageQuotaExceeded: ['storage_quota_exceeded', NO_STORAGE],
  quotaExceeded: FULL,
  teamDriveFileLimitExceeded: ITEMS,
  teamDriveHierarchyTooDeep: ITEMS,
  numChildrenInNonRootLimitExceeded: ITEMS,
  activeItemCreationLimitExceeded: ITEMS,
  myDriveHierarchyDepthLimitExceeded: ITEMS,
  insufficientFilePermissions: PERMISSION,
  insufficientParentPermissions: PERMISSION,
  teamDriveMembershipRequired: [
    'permission_denied',
    'the service account is not a member of the shared drive',
  ],
  cannotAddParent: PERMISSION,
  forbidden: PERMISSION,
  insufficientPermissions: ['permission_denied', 'the token lacks the Drive scope'],
  ACCESS_TOKEN_SCOPE_INSUFFICIENT: ['permission_denied', 'the token lacks the Drive scope'],
  appNotAuthorizedToFile: ['permission_denied', 'the file or folder is not open to this application'],
  domainPolicy: ['permission_denied', "the domain's administrators do not allow this to applications"],
  accessNotConfigured: [
    'api_not_enabled',
    'the Google Drive API is not enabled in the project of the service account',
  ],
  SERVICE_DISABLED: [
    'api_not_enabled',
    'the Google Drive API is not enabled in the project of the service account',
  ],
  notFound: [
    'folder_missing',
    'Google Drive does not find the folder, or it is not shared with this account',
  ],
  backendError: ['provider_unavailable', 'Google Drive has a fault'],
  internalError: ['provider_unavailable', 'Google Drive has a fault'],
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
    const [code, message] =
      BY_STATUS[status] ?? (['provider_unavailable', 'Google Drive has a fault'] as const)
    return new ProviderError(code, `${message} (${status})`, more)
  }
  if (named?.[1] !== undefined) {
    const [code, message] = named[1]
    return new ProviderError(code, `${message} (${status} ${named[0]})`, more)
  }
  const [code, message] = BY_STATUS[status] ?? OTHERS
  const reason = reasons.find((text) => /^\w{1,60}$/.test(text))
  if (reason === undefined && code === 'request_refused') {
    // No error of Drive's: something in between has answered.
    return new ProviderError(
      'unexpected_answer',
      `an answer that is not Google's: a proxy or firewall? (${status})`,
      more,
    )
  }
  return new ProviderError(
    code,
    `${message} (${reason === undefined ? status : `${status} ${reason}`})`,
    more,
  )
}

const OTHERS: Row = ['request_refused', 'Google Drive refuses the request']

/** By the HTTP status, where no reason of the answer decides. */
export const BY_STATUS: Readonly<Record<number, Row>> = {
  401: DRIVE_REASONS.authError ?? OTHERS,
  404: ['folder_missing', 'Google Drive does not find what was named'],
  408: ['provider_unavailable', 'Google Drive waited too long for the request'],
  409: ['unexpected_answer', 'Google Drive reports a conflict'],
  429: RATE,
  500: ['provider_unavailable', 'Google Drive has a fault'],
}

const tokenErrorSchema = z.object({ error: z.string(), error_description: z.string().default('') })

/** An answer of the token endpoint that is no success. */
export function tokenError(answer: GoogleAnswer, subject: string | undefined): ProviderError {
  const { status } = answer
  const more = { httpStatus: status, retryAfterMs: retryAfterMs(answer.retryAfter, Date.now()) }
  if (status === 429)
    return new ProviderError('rate_limited', "Google's token service asks for a pause (429)", more)
  if (status >= 500 || status === 408) {
    return new ProviderError('provider_unavailable', `Google's token service has a fault (${status})`, more)
  }
  const parsed = tokenErrorSchema.safeParse(
    typeof answer.body === 'string' ? parseJson(answer.body) : answer.body,
  )
  if (!parsed.success) {
    const message = `no answer of Google's token service: a proxy or firewall in between? (${status})`
    return new ProviderError('unexpected_answer', message, more)
  }
  const { error, error_description: description } = parsed.data
  if (error === 'internal_failure' || error === 'temporarily_unavailable') {
    return new ProviderError('provider_unavailable', `Google's token service has a fault (${status})`, more)
  }
  const [code, message] = tokenRow(error, description, subject !== undefined)
  const reason = /^\w{1,60}$/.test(error) ? ` ${error}` : ''
  return new ProviderError(code, `${message} (${status}${reason})`, more)
}

function tokenRow(error: string, description: string, hasSubject: boolean): Row {
  if (error === 'invalid_grant') {
    if (/short-lived token|\biat\b|\bexp\b/i.test(description)) {
      return ['clock_skewed', "Google refuses the time in the token request: this machine's clock is wrong"]
    }
    if (/signature/i.test(description)) {
      return [
        'credentials_refused',
        'Google does not know this key: it was deleted or replaced; make a new key file',
      ]
    }
    if (/account not found|Invalid email or User ID/i.test(description)) {
      return hasSubject
        ? [
            'account_misconfigured',
            'Google does not know the service account, or the user named in "subject"',
          ]
        : ['credentials_refused', 'Google does not know the service account: it was deleted']
    }
    return ['credentials_refused', 'Google refuses the key of the service account']
  }
  if (error === 'unauthorized_client') {
    return [
      'account_misconfigured',
      'Google does not let the service account act for "subject": a Workspace administrator must grant domain-wide ' +
        "delegation for its client ID with the Drive scope (Admin console, API controls); consumer accounts can't",
    ]
  }
  if (error === 'invalid_scope') return ['account_misconfigured', 'Google does not grant the Drive scope']
  if (error === 'invalid_client' || error === 'disabled_client' || error === 'deleted_client') {
    return ['credentials_refused', 'the service account is disabled or deleted']
  }
  return ['credentials_refused', 'Google refuses the credentials']
}
