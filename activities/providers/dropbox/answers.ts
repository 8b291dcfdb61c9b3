// What Dropbox answers, as data: either the parsed result or a failure reduced to the parts that decide what to do. The
// wire's shapes are read here only (unions tagged with '.tag', docs/providers.md, 2.2); nothing else of a body is passed on.

import { z } from 'zod'
import { retryAfterMs } from '../../http/retry-after.ts'
import type { RemoteFile } from '../provider.ts'

/** A refusal. `reason` is the path of tags in the error union, such as 'path/conflict/file'; '' where there is none. */
export type DropboxFailure = {
  readonly status: number
  readonly reason: string
  /** `correct_offset` of the union, where it has one. */
  readonly correctOffset: number | null
  /** The scope that the token lacks. */
  readonly requiredScope: string | null
  readonly retryAfterMs: number | undefined
  readonly requestId: string | undefined
  /** True for a plain-text 400 about the token's form. */
  readonly isTokenMalformed: boolean
  /** True where the body was cut off: its reason is unknown. */
  readonly isCut: boolean
}

export type DropboxAnswer<T> =
  | { readonly ok: true; readonly result: T; readonly date: string | null }
  | { readonly ok: false; readonly failure: DropboxFailure }

const DAY_MS = 86_400_000

const objectSchema = z.record(z.string(), z.unknown())
const tagSchema = z.string().regex(/^[a-z0-9_]{1,60}$/)

/** Reduces a refusal. `headerOf` reads a header by its lower-case name; `now` is needed for dates in Retry-After. */
export function failureFrom(
  status: number,
  headerOf: (name: string) => string | undefined,
  body: unknown,
  now: number,
): DropboxFailure {
  const envelope = objectSchema.safeParse(body).data ?? {}
  const error = objectSchema.safeParse(envelope.error).data
  const requestId = headerOf('x-dropbox-request-id')
  return {
    status,
    reason: (error && tagsOf(error)) || summaryOf(envelope.error_summary) || oauthErrorOf(envelope.error),
    correctOffset: (error && findNumber(error, 'correct_offset')) ?? null,
    requiredScope:
      z
        .string()
        .regex(/^[a-z_.]{1,60}$/)
        .safeParse(error?.required_scope).data ?? null,
    retryAfterMs: shortOf(retryAfterMs(headerOf('retry-after'), now)) ?? pauseOf(error?.retry_after),
    requestId: requestId !== undefined && /^[\w-]{1,80}$/.test(requestId) ? requestId : undefined,
    isTokenMalformed: status === 400 && typeof body === 'string' && /access token|authorization/i.test(body),
    isCut: typeof body === 'string' && body.startsWith('{'),
  }
}

/** {'.tag': 'path', path: {'.tag': 'conflict', conflict: {'.tag': 'file'}}} → 'path/conflict/file' */
function tagsOf(union: Record<string, unknown>): string {
  const tag = tagSchema.safeParse(union['.tag']).data
  if (tag === undefined) {
    // Rate limits carry their union one level down, without a tag of their own.
    const reason = objectSchema.safeParse(union.reason).data
    return reason ? tagsOf(reason) : ''
  }
  // files/upload wraps the write error of 'path' in `reason`.
  const inner = objectSchema.safeParse(union[tag]).data ?? objectSchema.safeParse(union.reason).data
  const rest = inner ? tagsOf(inner) : ''
  return rest ? `${tag}/${rest}` : tag
}

/** 'path/not_found/..' → 'path/not_found' */
function summaryOf(summary: unknown): string {
  if (typeof summary !== 'string') return ''
  const tags = summary.split('/').filter((tag) => tagSchema.safeParse(tag).success)
  return tags.join('/')
}

/** The token endpoint's `error` is a plain word (RFC 6749, section 5.2). */
function oauthErrorOf(error: unknown): string {
  return tagSchema.safeParse(error).data ?? ''
}

function findNumber(union: Record<string, unknown>, name: string): number | undefined {
  const found = z.int().nonnegative().safeParse(union[name]).data
  if (found !== undefined) return found
  for (const value of Object.values(union)) {
    const inner = objectSchema.safeParse(value).data
    const below = inner && findNumber(inner, name)
    if (below !== undefined) return below
  }
  return undefined
}

/** A pause in seconds, as the error union names it; in milliseconds. */
function pauseOf(seconds: unknown): number | undefined {
  const pause = z.number().nonnegative().safeParse(seconds).data
  return pause === undefined ? undefined : shortOf(pause * 1000)
}

/** A pause of more than a day is not believed. */
function shortOf(ms: number | undefined): number | undefined {
  return ms !== undefined && ms <= DAY_MS ? ms : undefined
}

const timestampSchema = z.iso.datetime()

export const fileSchema = z.object({
  id: z.string().min(1),
  name: z.string(),
  path_lower: z.string().optional(),
  size: z.int().nonnegative(),
  rev: z.string().min(1),
  server_modified: timestampSchema,
  content_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
})
type DropboxFile = z.infer<typeof fileSchema>

/** An entry of a listing, or the answer of get_metadata. */
export const entrySchema = z.union([
  fileSchema.extend({ '.tag': z.literal('file') }),
  z.object({
    '.tag': z.literal('folder'),
    id: z.string().min(1),
    name: z.string(),
    path_lower: z.string().optional(),
  }),
  z.object({ '.tag': z.literal('deleted'), name: z.string(), path_lower: z.string().optional() }),
])
export type DropboxEntry = z.infer<typeof entrySchema>

/** Kinds that Dropbox may add one day. A file that cannot be read is none of them, and makes the whole page unreadable. */
const unknownEntrySchema = z
  .object({ '.tag': z.string().refine((tag) => !['file', 'folder', 'deleted'].includes(tag)) })
  .transform(() => null)

export const pageSchema = z.object({
  entries: z.array(z.union([entrySchema, unknownEntrySchema])),
  cursor: z.string().min(1),
  has_more: z.boolean(),
})

export const createdFolderSchema = z.object({ metadata: z.object({ id: z.string().min(1) }) })

export const accountSchema = z.object({
  email: z.string(),
  name: z.object({ display_name: z.string() }),
  root_info: z.object({
    root_namespace_id: z.string().regex(/^\w{1,40}$/),
    home_namespace_id: z.string().regex(/^\w{1,40}$/),
    /** Where the member's own folder lies in the team's space. */
    home_path: z.string().optional(),
  }),
})
export type DropboxAccount = z.infer<typeof accountSchema>

export const spaceSchema = z.object({
  used: z.number().nonnegative(),
  allocation: z.object({
    '.tag': z.string(),
    allocated: z.number().nonnegative().optional(),
    used: z.number().nonnegative().optional(),
    user_within_team_space_allocated: z.number().nonnegative().optional(),
    user_within_team_space_limit_type: z.object({ '.tag': z.string() }).optional(),
  }),
})

export const startedSchema = z.object({ session_id: z.string().min(1) })

/** A file as the rest of the program sees it. */
export function remoteFileOf(file: DropboxFile): RemoteFile {
  return {
    id: file.id,
    name: file.name,
    size: file.size,
    hashes: file.content_hash ? [{ algorithm: 'dropbox_content_hash', value: file.content_hash }] : [],
    uploaded_at: new Date(file.server_modified).toISOString(),
    revision: file.rev,
  }
}
