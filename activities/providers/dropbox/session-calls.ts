// The calls that a sequential and a concurrent upload session have in common: append, finish, and what it means when
// Dropbox does not know the session any more (docs/providers.md, 2.3).

import { z } from 'zod'
import type { ChunkPace } from '../chunk-pace.ts'
import {
  type ArchiveSource,
  type ArrivedFile,
  ProviderError,
  type SendContext,
  type SessionState,
  type UploadTarget,
} from '../provider.ts'
import { commitSession, findCommitted, type Turns } from './commit.ts'
import type { DropboxConnection } from './connection/connection.ts'

const nothingSchema = z.unknown()

export type UploadTuning = {
  /** Largest file in one call; it is held in memory. Bytes. */
  readonly singleBytes: number
  /** Smallest file in a concurrent session. Bytes. */
  readonly concurrentBytes: number
  /** Bytes of a chunk: a multiple of 4 MiB, at most 148 MiB (a call takes 150 MiB). Grows for files beyond 64 GiB. */
  readonly chunkBytes: number
  /** Most chunks on the way at once in a concurrent session. */
  readonly parallelAppends: number
}

export const DEFAULT_TUNING: UploadTuning = {
  singleBytes: 8 * 1024 * 1024,
  concurrentBytes: 64 * 1024 * 1024,
  chunkBytes: 16 * 1024 * 1024,
  parallelAppends: 4,
}

/** What every way of uploading works with. */
export type UploadParts = {
  readonly connection: DropboxConnection
  readonly turns: Turns
  /** How much goes into one append. */
  readonly pace: ChunkPace
  readonly tuning: UploadTuning
  readonly now: () => number
}

/** Sends the bytes [start, end) of the file to a session; the caller reads the answer's reason. */
export async function appendChunk(
  parts: UploadParts,
  sessionId: string,
  chunk: { readonly start: number; readonly end: number; readonly close: boolean },
  source: ArchiveSource,
  context: Pick<SendContext, 'onSent'>,
  signal: AbortSignal,
) {
  const call = {
    route: 'files/upload_session/append_v2',
    arg: { cursor: { session_id: sessionId, offset: chunk.start }, close: chunk.close },
    body: () => source.read(chunk.start, chunk.end),
    length: chunk.end - chunk.start,
    onSent: context.onSent,
  }
  try {
    const answer = await parts.connection.contentCall(nothingSchema, call, signal)
    if (answer.ok) parts.pace.whole(call.length)
    return answer
  } catch (cause) {
    if (cause instanceof ProviderError) parts.pace.broke()
    throw cause
  }
}

/** The state of a session that Dropbox does not know (any more). */
export async function stateOfUnknownSession(
  parts: UploadParts,
  target: UploadTarget,
  session: { readonly created_at: string; readonly finishing: boolean },
  signal: AbortSignal,
): Promise<SessionState> {
  const file = session.finishing
    ? await findCommitted(parts.connection, target, session.created_at, signal)
    : null
  return file ? { kind: 'complete', file } : { kind: 'gone' }
}

/** Finishes after all bytes are there. Everything but the file is an error, which the next query resolves. */
export async function finishUpload(
  parts: UploadParts,
  target: UploadTarget,
  session: { readonly created_at: string; readonly session_id: string },
  signal: AbortSignal,
): Promise<ArrivedFile | { readonly offset: number }> {
  const outcome = await commitSession(parts.connection, parts.turns, target, session.session_id, signal)
  if (outcome.kind === 'file') return outcome.file
  if (outcome.kind === 'offset') return { offset: outcome.offset }
  if (outcome.kind === 'unknown') {
    const state = await stateOfUnknownSession(parts, target, { ...session, finishing: true }, signal)
    if (state.kind === 'complete') return state.file
  }
  if (outcome.kind === 'not_closed') {
    throw new ProviderError('unexpected_answer', 'Dropbox does not count the upload as complete.')
  }
  throw new ProviderError('session_expired', 'Dropbox has forgotten the upload.')
}
