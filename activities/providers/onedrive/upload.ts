// Sends the bytes (docs/providers.md, 3.2): fragments in ascending order, each streamed from the disk to the socket with
// its Content-Length, no token on the upload URL. Where the next fragment begins is always what OneDrive says.

import type { HttpAnswer, HttpClient } from '../../http/client.ts'
import { createChunkPace } from '../chunk-pace.ts'
import {
  type ArchiveSource,
  type ArrivedFile,
  ProviderError,
  type SendContext,
  type UploadTarget,
} from '../provider.ts'
import { graphError, hasCode } from './errors.ts'
import { type Graph, read, USER_AGENT } from './graph.ts'
import { checkUploadUrl } from './hosts.ts'
import { type Items, itemSchema, readFile } from './items.ts'
import { urlSegment } from './names.ts'
import type { FragmentSession, GraphSession } from './session.ts'
import { nextOffset, type Sessions } from './sessions.ts'

/** Every fragment but the last is a multiple of this. */
export const FRAGMENT_UNIT_BYTES = 320 * 1024
/** Microsoft recommends 10 MiB and a good line earns more; a broken fragment is lost as a whole (docs/providers.md, 3.2). */
const START_BYTES = 32 * FRAGMENT_UNIT_BYTES
const BROKEN_BYTES = 8 * FRAGMENT_UNIT_BYTES
/** How long OneDrive may think after a fragment; committing a large file takes minutes. */
const ANSWER_TIMEOUT_MS = 300_000
const COMMIT_TIMEOUT_MS = 900_000

export interface Upload {
  send(
    target: UploadTarget,
    session: GraphSession,
    source: ArchiveSource,
    offset: number,
    context: SendContext,
  ): Promise<ArrivedFile>
}

type Deps = {
  readonly graph: Graph
  readonly http: HttpClient
  readonly items: Items
  readonly sessions: Sessions
  readonly graphRoot: string
  readonly now: () => number
  /** The most at a time: a multiple of 320 KiB below 60 MiB. */
  readonly fragmentBytes: number
}

export function createUpload(deps: Deps): Upload {
  const { sessions } = deps
  // For the life of this client: lines and services keep their ways.
  const pace = createChunkPace({
    unitBytes: FRAGMENT_UNIT_BYTES,
    startBytes: START_BYTES,
    maxBytes: deps.fragmentBytes,
    brokenBytes: BROKEN_BYTES,
  })
  // Whether a fragment that begins off the 320 KiB grid must have a whole number of units or end on the grid is not
  // documented: where one way gets no further the other is tried, and kept.
  let isToBoundary = false

  async function put(
    session: FragmentSession,
    source: ArchiveSource,
    from: number,
    to: number,
    context: SendContext,
  ) {
    const request = deps.http.request({
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

  async function sendFragments(
    target: UploadTarget,
    session: FragmentSession,
    source: ArchiveSource,
    start: number,
    context: SendContext,
  ): Promise<ArrivedFile> {
    checkUploadUrl(session.upload_url, deps.graphRoot)
    let offset = start
    let fruitless = 0
    for (;;) {
      const end = fragmentEnd(offset, target.size, pace.bytes(), isToBoundary)
      const answer = await put(session, source, offset, end, context)
      if (answer.status === 200 || answer.status === 201) {
        const file = await sessions.settleName(session, read(itemSchema, answer), context.signal)
        context.onStored(target.size)
        return file
      }
      if (answer.status === 413 && pace.shrink()) continue
      if (answer.status === 504) pace.shrink()
      if (answer.status === 409) return await settleConflict(target, session, answer, context)
      const isAboutRange = answer.status === 416 || (answer.status === 400 && hasCode(answer, 'invalidRange'))
      if (answer.status !== 202 && !isAboutRange) throw graphError(answer, 'session', deps.now())

      let next = answer.status === 202 ? nextOffset(answer, target.size) : undefined
      if (next === undefined || next === target.size) {
        const state = await sessions.query(target, session, context.signal)
        if (state.kind === 'complete') return state.file
        if (state.kind === 'gone')
          throw new ProviderError('session_expired', 'OneDrive does not know the upload session any more')
        next = state.offset
      }
      const isAhead = next > offset
      fruitless = isAhead ? 0 : fruitless + 1
      if (isAhead) pace.whole(next - offset)
      if (fruitless > 1) throw await stuck(session, next, answer, context)
      if (!isAhead && next % FRAGMENT_UNIT_BYTES !== 0) isToBoundary = !isToBoundary
      offset = next
      context.onStored(offset)
    }
  }

  /** Gives a session up that takes no fragment off the grid; otherwise the caller may come again. */
  async function stuck(session: FragmentSession, offset: number, answer: HttpAnswer, context: SendContext) {
    if (offset % FRAGMENT_UNIT_BYTES === 0) return graphError(answer, 'session', deps.now())
    await sessions.abort(session, context.signal)
    return new ProviderError(
      'session_expired',
      'OneDrive does not go on in the middle of a fragment; the upload starts over',
    )
  }

  /** 409 at the last byte: the file may be ours (an answer was lost), or another one has taken the name. */
  async function settleConflict(
    target: UploadTarget,
    session: GraphSession,
    answer: HttpAnswer,
    context: SendContext,
  ): Promise<ArrivedFile> {
    const file = await sessions.finished(target.size, session, context.signal)
    if (file !== null) {
      context.onStored(target.size)
      return file
    }
    if (session.kind === 'single') {
      const holder = await deps.items.byName(
        session.drive_id,
        session.folder_id,
        session.name,
        context.signal,
      )
      if (holder === null)
        throw new ProviderError('file_locked', 'an earlier upload still holds the name until it expires')
    }
    // OneDrive keeps a session whose name is taken; it would block the name until it expires.
    await sessions.abort(session, context.signal)
    throw graphError(answer, 'file', deps.now())
  }

  async function sendWhole(
    target: UploadTarget,
    session: GraphSession,
    source: ArchiveSource,
    context: SendContext,
  ) {
    const folder = `/drives/${urlSegment(session.drive_id)}/items/${urlSegment(session.folder_id)}`
    const answer = await deps.graph.call({
      method: 'PUT',
      path: `${folder}:/${urlSegment(session.name)}:/content?@microsoft.graph.conflictBehavior=fail`,
      subject: 'folder',
      signal: context.signal,
      stream: {
        bytes: source.size,
        open: () => source.read(0, source.size),
        onSent: (bytes) => context.onSent(bytes),
      },
      accept: [409],
    })
    if (answer.status === 409) return await settleConflict(target, session, answer, context)
    const file = readFile(answer)
    context.onStored(source.size)
    return file
  }

  return {
    send: (target, session, source, offset, context) =>
      session.kind === 'single'
        ? sendWhole(target, session, source, context)
        : sendFragments(target, session, source, offset, context),
  }
}

/** Where a fragment from `offset` ends: a whole number of units long, or (off the grid) on the grid; or the end. */
export function fragmentEnd(
  offset: number,
  size: number,
  fragmentBytes: number,
  isToBoundary: boolean,
): number {
  const end = offset + fragmentBytes
  const overhang = isToBoundary ? end % FRAGMENT_UNIT_BYTES : 0
  const fitted = end - overhang > offset ? end - overhang : end - overhang + FRAGMENT_UNIT_BYTES
  return Math.min(size, fitted)
}
