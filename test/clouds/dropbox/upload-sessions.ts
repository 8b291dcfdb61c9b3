// Upload sessions with the rules of the real ones: offsets and their corrections, the 4 MiB rule of concurrent ones,
// closing, what a broken request leaves behind, and the switches for what nobody could verify (docs/providers.md, 4).

import { createHash, type Hash, randomBytes } from 'node:crypto'
import { conflict } from './refusals.ts'
import { BLOCK, type Content, createDraft, type Draft, hashOfDraft } from './stored-content.ts'

const MAX_PAYLOAD = 150 * 1024 * 1024
const MAX_FILE = 2 ** 41 - 2 ** 22

export type SessionSwitches = {
  readonly keepContent: boolean
  readonly sessionLifeMs: number
  /** A broken append: thrown away as a whole, or kept as far as it came (sequential sessions). */
  readonly brokenAppend: 'discard' | 'keep'
  /** A concurrent chunk that is there already. */
  readonly resentChunk: 'accept' | 'refuse'
  readonly now: () => number
}

type Session = {
  readonly kind: 'sequential' | 'concurrent'
  readonly startedAt: number
  readonly digests: Map<number, Buffer>
  readonly pieces: Map<number, readonly Buffer[]>
  /** Bytes [0, size) of a sequential session; the greatest end of a concurrent one. */
  size: number
  tail: { hash: Hash; length: number } | null
  stored: number
  isClosed: boolean
  isCommitted: boolean
}

export type AppendArg = {
  readonly sessionId: string
  readonly offset: number
  readonly close: boolean
  readonly contentHash: string | undefined
  /** Declared length of the body, where there is one. */
  readonly length: number | undefined
}

export interface UploadSessions {
  start(kind: Session['kind']): string
  /** A sequential session that was begun elsewhere, with the bytes that had arrived. */
  restore(sessionId: string, content: Buffer): void
  append(arg: AppendArg, body: AsyncIterable<Buffer>): Promise<void>
  /** The session's content, checked for a commit at this offset. */
  contentAt(sessionId: string, offset: number): Content
  committed(sessionId: string): void
  forget(sessionId?: string): void
  open(): number
}

/** Tags are those of UploadSessionAppendError; finish wraps them in 'lookup_failed'. */
export function createUploadSessions(switches: SessionSwitches): UploadSessions {
  const sessions = new Map<string, Session>()
  const find = (id: string): Session => {
    const session = sessions.get(id)
    if (session === undefined || switches.now() - session.startedAt > switches.sessionLifeMs)
      throw conflict('not_found')
    return session
  }
  const take = (session: Session, offset: number, draft: Draft): void => {
    for (const { index, digest } of draft.whole) {
      if (!session.digests.has(index)) session.stored += BLOCK
      session.digests.set(index, digest)
    }
    if (switches.keepContent) session.pieces.set(offset, draft.pieces)
    session.size = Math.max(session.size, offset + draft.length)
    session.tail = { hash: draft.tail.hash, length: draft.tail.length }
  }
  const checkConcurrent = (session: Session, arg: AppendArg, length: number): void => {
    if (arg.offset % BLOCK !== 0) throw conflict('concurrent_session_invalid_offset')
    if (length % BLOCK !== 0 && !arg.close) throw conflict('concurrent_session_invalid_data_size')
    const isThere = session.digests.has(arg.offset / BLOCK)
    if (isThere && switches.resentChunk === 'refuse') {
      throw conflict('incorrect_offset', { correct_offset: session.stored })
    }
  }
  const begin = (id: string, kind: Session['kind']): Session => {
    const session: Session = {
      kind,
      startedAt: switches.now(),
      digests: new Map(),
      pieces: new Map(),
      size: 0,
      tail: null,
      stored: 0,
      isClosed: false,
      isCommitted: false,
    }
    sessions.set(id, session)
    return session
  }
  return {
    start: (kind) => {
      const id = `pid_upload_session:${randomBytes(18).toString('base64url')}`
      begin(id, kind)
      return id
    },
    restore: (id, content) => {
      const draft = createDraft(0, null, switches.keepContent)
      draft.write(content)
      take(begin(id, 'sequential'), 0, draft)
    },
    append: async (arg, body) => {
      const session = find(arg.sessionId)
      if (session.isClosed || session.isCommitted) throw conflict('closed')
      if ((arg.length ?? 0) > MAX_PAYLOAD) throw conflict('payload_too_large')
      if (arg.offset + (arg.length ?? 0) > MAX_FILE) throw conflict('too_large')
      if (session.kind === 'sequential' && arg.offset !== session.size) {
        throw conflict('incorrect_offset', { correct_offset: session.size })
      }
      if (session.kind === 'concurrent') checkConcurrent(session, arg, arg.length ?? 0)
      const draft = createDraft(
        arg.offset,
        session.kind === 'sequential' ? session.tail : null,
        switches.keepContent,
      )
      const own = arg.contentHash === undefined ? null : createDraft(0, null, false)
      try {
        for await (const piece of body) {
          draft.write(piece)
          own?.write(piece)
        }
      } catch (broken) {
        if (
          switches.brokenAppend === 'keep' &&
          session.kind === 'sequential' &&
          session.size === arg.offset
        ) {
          take(session, arg.offset, draft)
        }
        throw broken
      }
      if (own && hashOfDraft(own) !== arg.contentHash) throw conflict('content_hash_mismatch')
      // Another request may have been faster than this one.
      if (session.kind === 'sequential' && arg.offset !== session.size) {
        throw conflict('incorrect_offset', { correct_offset: session.size })
      }
      if (session.isClosed) throw conflict('closed')
      if (session.kind === 'concurrent') {
        checkConcurrent(session, arg, draft.length)
        takeConcurrent(session, arg, draft)
      } else take(session, arg.offset, draft)
      session.isClosed = arg.close
    },
    contentAt: (sessionId, offset) => {
      const session = find(sessionId)
      if (session.isCommitted) throw conflict('closed')
      if (session.kind === 'sequential') {
        if (offset !== session.size) throw conflict('incorrect_offset', { correct_offset: session.size })
      } else {
        if (!session.isClosed) throw conflict('concurrent_session_not_closed')
        if (session.digests.size !== Math.ceil(session.size / BLOCK))
          throw conflict('concurrent_session_missing_data')
        if (offset !== session.size) throw conflict('incorrect_offset', { correct_offset: session.size })
      }
      return { size: session.size, hash: hashOf(session), bytes: bytesOf(session, switches.keepContent) }
    },
    committed: (sessionId) => {
      find(sessionId).isCommitted = true
    },
    forget: (sessionId) => {
      if (sessionId === undefined) sessions.clear()
      else sessions.delete(sessionId)
    },
    open: () => [...sessions.values()].filter((session) => !session.isCommitted).length,
  }

  function takeConcurrent(session: Session, arg: AppendArg, draft: Draft): void {
    for (const { index, digest } of draft.whole) session.digests.set(index, digest)
    if (draft.tail.length > 0) {
      session.digests.set(Math.floor((arg.offset + draft.length) / BLOCK), draft.tail.hash.digest())
    }
    if (switches.keepContent) session.pieces.set(arg.offset, draft.pieces)
    session.size = Math.max(session.size, arg.offset + draft.length)
    session.stored = session.digests.size * BLOCK
  }
}

function hashOf(session: Session): string {
  const over = createHash('sha256')
  const count = session.kind === 'sequential' ? Math.floor(session.size / BLOCK) : session.digests.size
  for (let index = 0; index < count; index += 1) {
    const digest = session.digests.get(index)
    if (digest === undefined) throw new Error(`block ${index} has no digest`)
    over.update(digest)
  }
  const hasTail = session.kind === 'sequential' && session.tail !== null && session.tail.length > 0
  if (hasTail && session.tail) over.update(session.tail.hash.copy().digest())
  return over.digest('hex')
}

function bytesOf(session: Session, keep: boolean): Buffer | null {
  if (!keep) return null
  const whole = Buffer.alloc(session.size)
  for (const [offset, pieces] of session.pieces) Buffer.concat([...pieces]).copy(whole, offset)
  return whole
}
