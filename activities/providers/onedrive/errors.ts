// Graph's answers in the codes of workflows/errors.ts, once, by table (docs/providers.md, 3.4). Messages quote Graph's own
// short code and the HTTP status, never its message, which may name people and addresses.

import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { parseJson } from '../../../db/process/json.ts'
import type { ErrorCode } from '../../../workflows/errors.ts'
import type { HttpAnswer } from '../../http/client.ts'
import { retryAfterMs } from '../../http/retry-after.ts'
import { ProviderError } from '../provider.ts'

/** What was asked for: decides what a 404 or 409 means. */
export type Subject = 'drive' | 'folder' | 'file' | 'session' | 'deletion'

type Rule = {
  readonly status?: number
  readonly code?: string
  readonly subject?: Subject
  /** Found in Graph's message. */
  readonly text?: RegExp
  readonly error: ErrorCode
  /** What happened, without the full stop: the status and the provider's own code follow it. */
  readonly fact: string
  /** What to do, where the advice of the code does not fit. */
  readonly advice?: string
}

/** A pause for the statuses that ask for a long one without saying how long. */
const BANDWIDTH_PAUSE_MS = 600_000
/** Throttling without Retry-After. */
const DEFAULT_PAUSE_MS = 60_000

// Rules with a code are tried first, from the innermost code of the answer outwards; then those without.
export const GRAPH_RULES: readonly Rule[] = [
  {
    status: 400,
    text: /SPO license/i,
    error: 'account_misconfigured',
    fact: 'The tenant has no SharePoint Online licence',
    advice: 'Assign one.',
  },
  {
    code: 'invalidPath',
    error: 'name_refused',
    fact: 'OneDrive refuses the name or path',
    advice: 'Rename the archive or change the remote path.',
  },
  {
    code: 'pathIsTooLong',
    error: 'name_refused',
    fact: 'The path is too long for OneDrive',
    advice: 'Shorten the remote path or the name.',
  },
  { code: 'maxFileSizeExceeded', error: 'archive_too_large', fact: 'The file is larger than OneDrive takes' },
  {
    code: 'expiredToken',
    subject: 'session',
    error: 'session_expired',
    fact: 'The upload session has expired',
  },
  {
    status: 401,
    code: 'generalException',
    error: 'permission_denied',
    fact: 'The application has no consented permission for files',
    advice: 'Grant Files.ReadWrite.All or Sites.Selected as an application permission, with admin consent.',
  },
  {
    code: 'InvalidAuthenticationToken',
    error: 'token_refused',
    fact: 'Graph refuses a token that Microsoft has just given',
  },
  { code: 'serviceReadOnly', error: 'provider_unavailable', fact: 'OneDrive is read-only at the moment' },
  {
    status: 403,
    code: 'accessDenied',
    subject: 'deletion',
    text: /hold|retention/i,
    error: 'permission_denied',
    fact: 'A retention policy or hold keeps the file',
    advice: 'Wait until the policy allows the deletion, or change it.',
  },
  { status: 423, error: 'file_locked', fact: 'The file is locked or open elsewhere' },
  {
    code: 'accessDenied',
    error: 'permission_denied',
    fact: 'Graph denies access',
    advice:
      'Give the application Files.ReadWrite.All (or Sites.Selected with a write grant) with admin consent.',
  },
  { code: 'notAllowed', error: 'permission_denied', fact: 'An administrator does not allow this' },
  {
    code: 'quotaLimitReached',
    error: 'storage_quota_exceeded',
    fact: 'The drive is full',
    advice: 'Free space (also in the recycle bin) or buy more.',
  },
  {
    code: 'insufficientStorage',
    error: 'storage_quota_exceeded',
    fact: 'The drive is full',
    advice: 'Free space (also in the recycle bin) or buy more.',
  },
  { code: 'activityLimitReached', error: 'rate_limited', fact: 'Graph asks for a pause' },
  { code: 'throttledRequest', error: 'rate_limited', fact: 'Graph asks for a pause' },
  { code: 'nameAlreadyExists', error: 'name_conflict', fact: 'Another file holds this name' },
  { code: 'resourceModified', error: 'file_changed', fact: 'The remote file changed in the meantime' },
  {
    code: 'ResourceNotFound',
    subject: 'drive',
    text: /mysite/i,
    error: 'account_misconfigured',
    fact: 'The user has no OneDrive yet',
    advice: 'Assign a licence and open OneDrive once as that user.',
  },
  { code: 'serviceNotAvailable', error: 'provider_unavailable', fact: 'OneDrive is not available' },
  {
    status: 404,
    subject: 'drive',
    error: 'account_misconfigured',
    fact: 'The user, drive or site does not exist',
    advice: "Correct the account's drive.",
  },
  {
    status: 404,
    subject: 'folder',
    error: 'folder_missing',
    fact: 'The folder is not there',
    advice: 'Restore it or correct the remote path.',
  },
  {
    status: 404,
    subject: 'session',
    error: 'session_expired',
    fact: 'OneDrive does not know the upload session any more',
  },
  {
    status: 410,
    subject: 'session',
    error: 'session_expired',
    fact: 'OneDrive does not know the upload session any more',
  },
  { status: 401, subject: 'session', error: 'session_expired', fact: 'The upload session has expired' },
  { status: 404, error: 'unexpected_answer', fact: 'OneDrive does not find the file (yet)' },
  {
    status: 401,
    error: 'token_refused',
    fact: 'Graph refuses a token that Microsoft has just given',
  },
  {
    status: 403,
    error: 'permission_denied',
    fact: 'Graph denies access',
    advice: 'Check the permissions of the application.',
  },
  { status: 408, error: 'provider_unavailable', fact: 'OneDrive waited too long for the request' },
  {
    status: 409,
    subject: 'deletion',
    error: 'file_changed',
    fact: 'The remote file changed in the meantime',
  },
  { status: 409, error: 'name_conflict', fact: 'Another file holds this name' },
  { status: 412, error: 'file_changed', fact: 'The remote file changed in the meantime' },
  { status: 413, error: 'unexpected_answer', fact: 'OneDrive takes only smaller fragments' },
  { status: 416, error: 'unexpected_answer', fact: 'OneDrive expects another byte range' },
  { status: 425, error: 'provider_unavailable', fact: 'OneDrive is not ready' },
  { status: 429, error: 'rate_limited', fact: 'Graph asks for a pause' },
  { status: 501, error: 'request_refused', fact: 'OneDrive does not support the request' },
  {
    status: 507,
    error: 'storage_quota_exceeded',
    fact: 'The drive is full',
    advice: 'Free space (also in the recycle bin) or buy more.',
  },
  {
    status: 509,
    error: 'rate_limited',
    fact: 'The bandwidth limit is used up',
  },
]

const level = z.object({ code: z.string().optional(), message: z.string().optional() })
const bodySchema = z.object({ error: z.record(z.string(), z.unknown()) })

type GraphErrorBody = {
  /** From the outermost to the innermost. */
  readonly codes: readonly string[]
  readonly message: string
  readonly requestId: string | undefined
}

/** Reads Graph's error envelope; the casing of `innerError` varies. Anything else gives no codes. */
function readGraphError(body: Buffer): GraphErrorBody {
  const parsed = bodySchema.safeParse(parseJson(body))
  const codes: string[] = []
  let requestId: string | undefined
  let current: unknown = parsed.success ? parsed.data.error : undefined
  const message = level.safeParse(current).data?.message ?? ''
  for (let depth = 0; depth < 8 && typeof current === 'object' && current !== null; depth += 1) {
    const entries = new Map(
      Object.entries(current).map(([key, value]) => [key.toLowerCase(), value] as const),
    )
    const code: unknown = entries.get('code')
    if (typeof code === 'string') codes.push(code)
    const id: unknown = entries.get('request-id')
    if (typeof id === 'string') requestId ??= id
    current = entries.get('innererror')
  }
  return { codes, message, requestId }
}

/** True when the answer carries this code at any depth. */
export function hasCode(answer: HttpAnswer, ...codes: readonly string[]): boolean {
  return readGraphError(answer.body).codes.some((code) => codes.includes(code))
}

/** The error for an answer that is not the wanted one. */
export function graphError(answer: HttpAnswer, subject: Subject, now: number): ProviderError {
  const read = readGraphError(answer.body)
  const rule = ruleFor(answer.status, subject, read) ?? fallback(answer.status)
  const codes = read.codes.filter((code) => /^[\w.]{1,60}$/.test(code))
  const quoted = [`HTTP ${answer.status}`, ...new Set(codes)].join(' ')
  return new ProviderError(rule.error, `${rule.fact} (${quoted}).`, {
    advice: rule.advice,
    httpStatus: answer.status,
    retryAfterMs: retryAfterMs(answer.headers['retry-after'], now) ?? defaultPause(answer.status),
    requestId: header(answer.headers, 'request-id') ?? read.requestId,
  })
}

function ruleFor(status: number, subject: Subject, read: GraphErrorBody): Rule | undefined {
  const fits = (rule: Rule) =>
    (rule.status === undefined || rule.status === status) &&
    (rule.subject === undefined || rule.subject === subject) &&
    (rule.text === undefined || rule.text.test(read.message))
  for (const code of read.codes.toReversed()) {
    const rule = GRAPH_RULES.find((candidate) => candidate.code === code && fits(candidate))
    // A lock outranks the code that comes with it (423 accessDenied).
    if (rule !== undefined && status !== 423) return rule
  }
  return GRAPH_RULES.find((candidate) => candidate.code === undefined && fits(candidate))
}

function fallback(status: number): Pick<Rule, 'error' | 'fact' | 'advice'> {
  if (status >= 500) return { error: 'provider_unavailable', fact: 'OneDrive has a fault' }
  if (status >= 400) return { error: 'request_refused', fact: 'OneDrive refuses the request' }
  return { error: 'unexpected_answer', fact: 'OneDrive answered something unknown' }
}

function defaultPause(status: number): number | undefined {
  if (status === 509) return BANDWIDTH_PAUSE_MS
  return status === 429 ? DEFAULT_PAUSE_MS : undefined
}

function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}
