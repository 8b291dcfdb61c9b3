// A sequential session: chunk after chunk. Dropbox itself says how far it came, by refusing a wrong offset with the
// right one, which may also lie inside of a chunk; so nothing but the session's ID needs to be kept.

import { z } from 'zod'
import { DROPBOX_BLOCK_BYTES } from '../../archives/hashes/dropbox-content-hash.ts'
import {
  type ArchiveSource,
  type ArrivedFile,
  ProviderError,
  type SendContext,
  type SessionState,
  type UploadTarget,
} from '../provider.ts'
import { covers, errorOf } from './errors.ts'
import type { SequentialSession } from './session.ts'
import { appendChunk, finishUpload, stateOfUnknownSession, type UploadParts } from './session-calls.ts'

/** Corrections of the offset that one attempt follows. */
const MAX_CORRECTIONS = 5

/** Asks by an append of nothing at the start: it is refused with the right offset, unless nothing is there yet. */
export async function querySequential(
  parts: UploadParts,
  target: UploadTarget,
  session: SequentialSession,
  signal: AbortSignal,
): Promise<SessionState> {
  const arg = { cursor: { session_id: session.session_id, offset: 0 }, close: false }
  const call = { route: 'files/upload_session/append_v2', arg }
  const answer = await parts.connection.contentCall(z.unknown(), call, signal)
  if (answer.ok) return { kind: 'open', offset: 0 }
  const { reason, correctOffset } = answer.failure
  if (covers(reason, 'incorrect_offset') && correctOffset !== null) {
    // More than the file has cannot be mended.
    return correctOffset <= target.size ? { kind: 'open', offset: correctOffset } : { kind: 'gone' }
  }
  // 'closed' says that the file was committed, whatever was saved of it.
  if (covers(reason, 'closed'))
    return stateOfUnknownSession(parts, target, { ...session, finishing: true }, signal)
  if (covers(reason, 'not_found')) return stateOfUnknownSession(parts, target, session, signal)
  throw errorOf(answer.failure)
}

export async function sendSequential(
  parts: UploadParts,
  target: UploadTarget,
  session: SequentialSession,
  source: ArchiveSource,
  from: number,
  context: SendContext,
): Promise<ArrivedFile> {
  let offset = from
  for (let corrections = 0; corrections <= MAX_CORRECTIONS; corrections += 1) {
    const corrected = await appendAll(parts, target, session, source, offset, context)
    if (corrected !== null) {
      offset = corrected
      continue
    }
    if (!session.finishing) await context.saveSession({ ...session, finishing: true })
    const finished = await finishUpload(parts, target, session, context.signal)
    if (!('offset' in finished)) return finished
    offset = finished.offset
  }
  throw new ProviderError('unexpected_answer', 'Dropbox names another offset each time.')
}

/** Appends up to the end; null when it is reached, or the offset that Dropbox wants instead. */
async function appendAll(
  parts: UploadParts,
  target: UploadTarget,
  session: SequentialSession,
  source: ArchiveSource,
  from: number,
  context: SendContext,
): Promise<number | null> {
  for (let start = from; start < target.size; ) {
    // An append that ends on a block ends the next one there as well.
    const room = start + Math.min(parts.pace.bytes(), session.chunk_bytes)
    const end = Math.min(room - (room % DROPBOX_BLOCK_BYTES), target.size)
    const chunk = { start, end, close: false }
    const answer = await appendChunk(parts, session.session_id, chunk, source, context, context.signal)
    if (!answer.ok) {
      const { reason, correctOffset } = answer.failure
      if (!covers(reason, 'incorrect_offset') || correctOffset === null || correctOffset > target.size) {
        throw errorOf(answer.failure)
      }
      context.onStored(correctOffset)
      return correctOffset
    }
    context.onStored(end)
    start = end
  }
  return null
}
