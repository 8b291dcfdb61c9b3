// The routes with bytes: upload, upload sessions, download; and finish_batch_v2, which other clients use.

import { z } from 'zod'
import type { CloudAnswer, CloudRequest } from '../cloud-server.ts'
import { type FileEntry, lookUp } from './namespace.ts'
import { badRequest, conflict, Refusal, writeFailed } from './refusals.ts'
import { type Content, createDraft, damaged, hashOfDraft } from './stored-content.ts'
import { fileMetadata, type World } from './world.ts'

const MAX_PAYLOAD = 150 * 1024 * 1024

const tag = (names: readonly [string, ...string[]]) =>
  z.union([z.enum(names), z.object({ '.tag': z.enum(names) }).transform((value) => value['.tag'])])

const commitFields = {
  path: z.string(),
  mode: z
    .union([tag(['add', 'overwrite']), z.object({ '.tag': z.literal('update'), update: z.string() })])
    .optional(),
  autorename: z.boolean().optional(),
  client_modified: z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    .optional(),
  mute: z.boolean().optional(),
  strict_conflict: z.boolean().optional(),
  property_groups: z.unknown().optional(),
}
const commitSchema = z.strictObject(commitFields)
const hashSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .optional()
const uploadSchema = z.strictObject({ ...commitFields, content_hash: hashSchema })
const cursorSchema = z.strictObject({ session_id: z.string(), offset: z.int().nonnegative() })
const startSchema = z.strictObject({
  close: z.boolean().optional(),
  session_type: tag(['sequential', 'concurrent']).optional(),
  content_hash: hashSchema,
})
const appendSchema = z.strictObject({
  cursor: cursorSchema,
  close: z.boolean().optional(),
  content_hash: hashSchema,
})
const finishSchema = z.strictObject({ cursor: cursorSchema, commit: commitSchema, content_hash: hashSchema })
const batchSchema = z.strictObject({ entries: z.array(finishSchema).max(1000) })
const downloadSchema = z.object({ path: z.string() })

export type ContentRoute = {
  readonly operation: string
  readonly scope: string
  answer(world: World, request: CloudRequest, arg: unknown, prefix: string): Promise<CloudAnswer>
}

function route<T>(
  operation: string,
  scope: string,
  schema: z.ZodType<T>,
  answer: (world: World, request: CloudRequest, arg: T, prefix: string) => Promise<CloudAnswer>,
): ContentRoute {
  return {
    operation,
    scope,
    answer: (world, request, arg, prefix) => {
      const parsed = schema.safeParse(arg)
      if (!parsed.success) throw badRequest(request.url.pathname, 'request arg: unexpected value')
      return answer(world, request, parsed.data, prefix)
    },
  }
}

const writing = new WeakSet<World>()

/** The namespace lock: a second write while one goes on is refused. */
async function locked<T>(world: World, work: () => T): Promise<T> {
  if (world.commitMs === 0) return work()
  if (writing.has(world)) throw conflict('too_many_write_operations')
  writing.add(world)
  try {
    await new Promise((resolve) => setTimeout(resolve, world.commitMs))
    return work()
  } finally {
    writing.delete(world)
  }
}

type Commit = z.infer<typeof commitSchema>

function write(world: World, commit: Commit, content: Content, prefix: string): FileEntry | string {
  if (!/^\/[^/]/.test(commit.path)) return 'malformed_path'
  const flip = world.faults?.takeOwn('upload', 'flip_bit') ?? world.faults?.takeOwn('finalise', 'flip_bit')
  const written = world.namespace.write(prefix + commit.path, flip ? damaged(content) : content, {
    mode: commit.mode === 'overwrite' ? 'overwrite' : 'add',
    autorename: commit.autorename === true,
    strictConflict: commit.strict_conflict === true,
    clientModified: commit.client_modified,
  })
  return 'refused' in written ? written.refused : written
}

/** Tags of an append error, wrapped as finish does. */
function wrapped(refusal: unknown): unknown {
  if (!(refusal instanceof Refusal) || refusal.answer.status !== 409) return refusal
  const body = z
    .object({ error_summary: z.string(), error: z.looseObject({ '.tag': z.string() }) })
    .parse(refusal.answer.body)
  if (body.error['.tag'].startsWith('concurrent_session_')) return refusal
  const { '.tag': name, ...leaf } = body.error
  return conflict(`lookup_failed/${name}`, leaf)
}

const finished = new WeakMap<World, Map<string, FileEntry>>()

async function finish(
  world: World,
  arg: z.infer<typeof finishSchema>,
  request: CloudRequest | null,
  prefix: string,
): Promise<Record<string, unknown>> {
  const { session_id } = arg.cursor
  if (world.faults?.takeOwn('finalise', 'forget_session')) world.sessions.forget(session_id)
  const earlier = finished.get(world)?.get(session_id)
  if (earlier) {
    if (world.refinish === 'metadata') return fileMetadata(earlier, prefix)
    throw conflict(`lookup_failed/${world.refinish}`)
  }
  const length = Number(request?.headers['content-length'] ?? 0)
  let offset = arg.cursor.offset
  try {
    if (request && length > 0) {
      // Concurrent sessions answer any data with a refusal of their own.
      await world.sessions.append(
        { sessionId: session_id, offset, close: false, contentHash: arg.content_hash, length },
        request.body,
      )
      offset += length
    }
    const content = world.sessions.contentAt(session_id, offset)
    const file = await locked(world, () => write(world, arg.commit, content, prefix))
    if (typeof file === 'string') throw conflict(`path/${file}`)
    world.sessions.committed(session_id)
    const files = finished.get(world) ?? new Map<string, FileEntry>()
    finished.set(world, files.set(session_id, file))
    return fileMetadata(file, prefix)
  } catch (refusal) {
    throw isPathRefusal(refusal) ? refusal : wrapped(refusal)
  }
}

function isPathRefusal(refusal: unknown): boolean {
  if (!(refusal instanceof Refusal)) return false
  const summary = JSON.stringify(refusal.answer.body)
  return (
    summary.includes('"error_summary":"path/') ||
    summary.includes('"error_summary":"too_many_write_operations')
  )
}

export const CONTENT_ROUTES: Readonly<Record<string, ContentRoute>> = {
  'files/upload': route(
    'upload',
    'files.content.write',
    uploadSchema,
    async (world, request, arg, prefix) => {
      if (Number(request.headers['content-length'] ?? 0) > MAX_PAYLOAD) throw conflict('payload_too_large')
      const draft = createDraft(0, null, world.keepContent)
      for await (const piece of request.body) draft.write(piece)
      const hash = hashOfDraft(draft)
      if (arg.content_hash !== undefined && arg.content_hash !== hash) throw conflict('content_hash_mismatch')
      const bytes = world.keepContent ? Buffer.concat([...draft.pieces]) : null
      const { content_hash: _, ...commit } = arg
      const file = await locked(world, () =>
        write(world, commit, { size: draft.length, hash, bytes }, prefix),
      )
      if (typeof file === 'string') throw writeFailed(file, 'pid_upload_session:of-an-upload')
      return { status: 200, body: fileMetadata(file, prefix) }
    },
  ),
  'files/upload_session/start': route(
    'open',
    'files.content.write',
    startSchema,
    async (world, request, arg) => {
      const length = Number(request.headers['content-length'] ?? 0)
      const isConcurrent = arg.session_type === 'concurrent'
      if (isConcurrent && length > 0) throw conflict('concurrent_session_data_not_allowed')
      if (isConcurrent && arg.close) throw conflict('concurrent_session_close_not_allowed')
      const session_id = world.sessions.start(isConcurrent ? 'concurrent' : 'sequential')
      const { close = false, content_hash: contentHash } = arg
      if (length > 0 || close) {
        await world.sessions.append(
          { sessionId: session_id, offset: 0, close, contentHash, length },
          request.body,
        )
      }
      return { status: 200, body: { session_id } }
    },
  ),
  'files/upload_session/append_v2': route(
    'chunk',
    'files.content.write',
    appendSchema,
    async (world, request, arg) => {
      const { session_id: sessionId, offset } = arg.cursor
      if (world.faults?.takeOwn(request.operation, 'forget_session')) world.sessions.forget(sessionId)
      const declared = request.headers['content-length']
      const length = declared === undefined ? undefined : Number(declared)
      const { close = false, content_hash: contentHash } = arg
      await world.sessions.append({ sessionId, offset, close, contentHash, length }, request.body)
      return { status: 200, body: null }
    },
  ),
  'files/upload_session/finish': route(
    'finalise',
    'files.content.write',
    finishSchema,
    async (world, request, arg, prefix) => ({ status: 200, body: await finish(world, arg, request, prefix) }),
  ),
  'files/download': route(
    'download',
    'files.content.read',
    downloadSchema,
    async (world, _request, arg, prefix) => {
      const entry = lookUp(world.namespace, arg.path, prefix)
      if (entry === null) throw conflict('path/not_found')
      if (entry.kind === 'folder') throw conflict('path/not_file')
      const result = JSON.stringify(fileMetadata(entry, prefix)).replace(
        /[\u007f-\uffff]/g,
        (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
      const bytes = entry.content.bytes ?? Buffer.alloc(0)
      return { status: 200, headers: { 'Dropbox-API-Result': result }, body: bytes }
    },
  ),
}

/** `upload_session/finish_batch_v2` (an RPC route): sessions that are closed, one result each. */
export async function finishBatch(world: World, arg: unknown, prefix: string): Promise<unknown> {
  const { entries } = batchSchema.parse(arg)
  const results: Record<string, unknown>[] = []
  for (const entry of entries) {
    try {
      results.push({ '.tag': 'success', ...(await finish(world, entry, null, prefix)) })
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal
      const body = z.object({ error: z.unknown() }).parse(refusal.answer.body)
      results.push({ '.tag': 'failure', failure: body.error })
    }
  }
  return { entries: results }
}
