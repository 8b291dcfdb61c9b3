// A large file in fragments, in ascending order, each streamed from the disk to the socket with its Content-Length, no token on
// the upload URL. Where the next fragment begins is always what OneDrive says.

import type { HttpAnswer } from '../../../http/client.ts'
import type { ChunkPace } from '../../chunk-pace.ts'
import {
  type ArchiveSource,
  type ArrivedFile,
  ProviderError,
  type SendContext,
  type UploadTarget,
} from '../../provider.ts'
import { graphError, hasCode } from '../errors.ts'
import { read, USER_AGENT } from '../graph.ts'
import { checkUploadUrl } from '../hosts.ts'
import { itemSchema } from '../items.ts'
import { nextOffset } from '../query-session.ts'
import type { FragmentSession } from '../session.ts'
import type { UploadDeps } from './deps.ts'
import { fileAfterConflict } from './name-conflict.ts'

/** Every fragment but the last is a multiple of this. */
export const FRAGMENT_UNIT_BYTES = 320 * 1024
/** How long OneDrive may think after a fragment; committing a large file takes minutes. */
const ANSWER_TIMEOUT_MS = 300_000
const COMMIT_TIMEOUT_MS = 900_000

/** Kept for the life of a client: lines and services rarely change. */
export type FragmentUploads = UploadDeps & {
  readonly pace: ChunkPace
  /**
   * It is not documented whether a fragment that begins off the 320 KiB grid must have a whole number of units, or end on the
   * grid. Where one way makes no progress, the other is tried and kept.
   */
  isToBoundary: boolean
}

/** Sends the bytes from `start` to the end, and resolves with the finished file. */
export async function sendFragments(
  uploads: FragmentUploads,
  target: UploadTarget,
  session: FragmentSession,
  source: ArchiveSource,
  start: number,
  context: SendContext,
): Promise<ArrivedFile> {
  const { sessions, pace, now } = uploads
  checkUploadUrl(session.upload_url, uploads.graphRoot)
  let offset = start
  let fruitless = 0
  for (;;) {
    const end = fragmentEnd(offset, target.size, pace.bytes(), uploads.isToBoundary)
    const answer = await put(uploads, session, source, offset, end, context)
    if (answer.status === 200 || answer.status === 201) {
      const file = await sessions.giveFinalName(session, read(itemSchema, answer), context.signal)
      context.onStored(target.size)
      return file
    }
    if (answer.status === 413 && pace.shrink()) continue
    if (answer.status === 504) pace.shrink()
    if (answer.status === 409) return await fileAfterConflict(uploads, target, session, answer, context)
    const isAboutRange = answer.status === 416 || (answer.status === 400 && hasCode(answer, 'invalidRange'))
    if (answer.status !== 202 && !isAboutRange) throw graphError(answer, 'session', now())

    let next = answer.status === 202 ? nextOffset(answer, target.size) : undefined
    if (next === undefined || next === target.size) {
      const state = await sessions.query(target, session, context.signal)
      if (state.kind === 'complete') return state.file
      if (state.kind === 'gone')
        throw new ProviderError('session_expired', 'OneDrive does not know the upload session any more.')
      next = state.offset
    }
    const isAhead = next > offset
    fruitless = isAhead ? 0 : fruitless + 1
    if (isAhead) pace.whole(next - offset)
    if (fruitless > 1) throw await stuck(uploads, session, next, answer, context)
    if (!isAhead && next % FRAGMENT_UNIT_BYTES !== 0) uploads.isToBoundary = !uploads.isToBoundary
    offset = next
    context.onStored(offset)
  }
}

async function put(
  { http, pace }: FragmentUploads,
  session: FragmentSession,
  source: ArchiveSource,
  from: number,
  to: number,
  context: SendContext,
): Promise<HttpAnswer> {
  const request = http.request({
    method: 'PUT',
    url: session.upload_url,
    headers: {
      'Content-Range': `bytes ${from}-${to - 1}/${source.size}`,
      'Content-Type': 'application/octet-stream',
      'User-Agent': USER_AGENT,
    },
    body: source.read(from, to),
    contentLength: to - from,
    onSent: (bytes) => context.onSent(bytes),
    signal: context.signal,
    answerTimeoutMs: to === source.size ? COMMIT_TIMEOUT_MS : ANSWER_TIMEOUT_MS,
  })
  return request.catch((cause: unknown) => {
    if (cause instanceof ProviderError) pace.broke()
    throw cause
  })
}

/** Gives up a session that takes no fragment off the grid. In all other cases the next attempt goes on with it. */
async function stuck(
  { sessions, now }: FragmentUploads,
  session: FragmentSession,
  offset: number,
  answer: HttpAnswer,
  context: SendContext,
): Promise<ProviderError> {
  if (offset % FRAGMENT_UNIT_BYTES === 0) return graphError(answer, 'session', now())
  await sessions.abort(session, context.signal)
  return new ProviderError('session_expired', 'OneDrive does not go on in the middle of a fragment.')
}

/** Where a fragment from `offset` ends: a whole number of units long, or (off the grid) on the grid; or the end. */
function fragmentEnd(offset: number, size: number, fragmentBytes: number, isToBoundary: boolean): number {
  const end = offset + fragmentBytes
  const overhang = isToBoundary ? end % FRAGMENT_UNIT_BYTES : 0
  const fitted = end - overhang > offset ? end - overhang : end - overhang + FRAGMENT_UNIT_BYTES
  return Math.min(size, fitted)
}
