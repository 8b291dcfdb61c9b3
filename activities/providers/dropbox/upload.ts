// The three ways of an upload. The size decides which one is taken when the session is opened:
//   single      up to 8 MiB: one files/upload with its content_hash, so that damaged bytes are never even visible
//   sequential  below 64 MiB: no ledger needed, and four chunks at once would gain nothing
//   concurrent  from 64 MiB on: one stream to Dropbox is slower than the line; four chunks of 16 MiB fill it
// Chunks are streamed and not hashed beforehand: that would hold or read each chunk twice, and the hash of the whole
// file, which Dropbox states when it commits, proves the same.

import { createDropboxContentHash, DROPBOX_BLOCK_BYTES } from '../../archives/hashes/dropbox-content-hash.ts'
import { createChunkPace } from '../chunk-pace.ts'
import {
  type ArchiveSource,
  type ArrivedFile,
  ProviderError,
  type SendContext,
  type SessionState,
  type UploadSession,
  type UploadTarget,
} from '../provider.ts'
import { fileSchema, remoteFileOf, startedSchema } from './answers.ts'
import { commitOf, createTurns, findCommitted } from './commit.ts'
import { queryConcurrent, sendConcurrent } from './concurrent-upload.ts'
import type { DropboxConnection } from './connection/connection.ts'
import { errorOf } from './errors.ts'
import { querySequential, sendSequential } from './sequential-upload.ts'
import { readSession } from './session.ts'
import type { UploadParts, UploadTuning } from './session-calls.ts'
import { askSpace } from './space.ts'

/** Some plans count calls by the month: beyond so many chunks they get larger instead of more, up to a limit. */
const MOST_CHUNKS = 4096
const MAX_GROWN_CHUNK_BYTES = 64 * 1024 * 1024
/** A chunk of a small file is a small part of it: a crash loses the chunks that were on the way. */
const FEWEST_CHUNKS = 32

function chunkBytesFor(size: number, tuning: UploadTuning): number {
  const least = Math.min(wholeBlocks(size / MOST_CHUNKS), MAX_GROWN_CHUNK_BYTES)
  return Math.max(Math.min(tuning.chunkBytes, wholeBlocks(size / FEWEST_CHUNKS)), least)
}

function wholeBlocks(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / DROPBOX_BLOCK_BYTES)) * DROPBOX_BLOCK_BYTES
}

interface DropboxUploads {
  open(target: UploadTarget, signal: AbortSignal): Promise<UploadSession>
  query(target: UploadTarget, session: UploadSession, signal: AbortSignal): Promise<SessionState>
  send(
    target: UploadTarget,
    session: UploadSession,
    source: ArchiveSource,
    offset: number,
    context: SendContext,
  ): Promise<ArrivedFile>
}

export function createDropboxUploads(deps: {
  readonly connection: DropboxConnection
  readonly tuning: UploadTuning
  readonly now: () => number
}): DropboxUploads {
  const { connection, tuning, now } = deps
  if (tuning.chunkBytes % DROPBOX_BLOCK_BYTES !== 0 || tuning.chunkBytes <= 0) {
    throw new RangeError('chunkBytes must be a multiple of 4 MiB')
  }
  const pace = createChunkPace({
    unitBytes: DROPBOX_BLOCK_BYTES,
    startBytes: tuning.chunkBytes,
    maxBytes: Math.max(tuning.chunkBytes, MAX_GROWN_CHUNK_BYTES),
  })
  const parts: UploadParts = { connection, turns: createTurns(), pace, tuning, now }
  return {
    open: async (target, signal) => {
      const created_at = new Date(now()).toISOString()
      if (target.size <= tuning.singleBytes) return { kind: 'single', created_at }
      await refuseWithoutSpace(connection, target.size, signal)
      const isConcurrent = target.size >= tuning.concurrentBytes
      const kind = isConcurrent ? 'concurrent' : 'sequential'
      const session_id = await startSession(connection, kind, signal)
      const common = {
        created_at,
        kind,
        session_id,
        chunk_bytes: chunkBytesFor(target.size, tuning),
        finishing: false,
      }
      return isConcurrent ? { ...common, stored: [] } : common
    },
    query: async (target, saved, signal) => {
      const session = readSession(saved)
      if (session.kind === 'concurrent') return queryConcurrent(parts, target, session, signal)
      if (session.kind === 'sequential') return querySequential(parts, target, session, signal)
      const file = await findCommitted(connection, target, session.created_at, signal)
      return file ? { kind: 'complete', file } : { kind: 'open', offset: 0 }
    },
    send: async (target, saved, source, offset, context) => {
      const session = readSession(saved)
      if (session.kind === 'concurrent') return sendConcurrent(parts, target, session, source, context)
      if (session.kind === 'sequential')
        return sendSequential(parts, target, session, source, offset, context)
      return sendSingle(parts, target, source, context)
    },
  }
}

/** Dropbox itself refuses only after all bytes. Where it does not state how much room there is, the upload is tried. */
async function refuseWithoutSpace(
  connection: DropboxConnection,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  const space = await askSpace(connection, signal).catch((cause: unknown) => {
    if (cause instanceof ProviderError) return null
    throw cause
  })
  if (space === null || space.total === null || space.used + size <= space.total) return
  const free = Math.max(0, space.total - space.used)
  throw new ProviderError(
    'storage_quota_exceeded',
    `The archive has ${size} bytes and the Dropbox has room for ${free}.`,
  )
}

async function startSession(
  connection: DropboxConnection,
  kind: 'sequential' | 'concurrent',
  signal: AbortSignal,
): Promise<string> {
  const arg = { close: false, session_type: { '.tag': kind } }
  const answer = await connection.contentCall(
    startedSchema,
    { route: 'files/upload_session/start', arg },
    signal,
  )
  if (answer.ok) return answer.result.session_id
  throw errorOf(answer.failure)
}

async function sendSingle(
  parts: UploadParts,
  target: UploadTarget,
  source: ArchiveSource,
  context: SendContext,
): Promise<ArrivedFile> {
  const pieces: Uint8Array[] = []
  const hash = createDropboxContentHash()
  for await (const piece of source.read(0, target.size)) {
    context.signal.throwIfAborted()
    hash.update(piece)
    pieces.push(Buffer.from(piece))
  }
  async function* body(): AsyncGenerator<Uint8Array> {
    yield* pieces
  }
  const call = {
    route: 'files/upload',
    arg: { ...commitOf(target), content_hash: hash.digest() },
    body,
    length: target.size,
    onSent: context.onSent,
  }
  const answer = await parts.turns(
    () => parts.connection.contentCall(fileSchema, call, context.signal),
    context.signal,
  )
  if (!answer.ok) throw errorOf(answer.failure)
  context.onStored(target.size)
  return remoteFileOf(answer.result)
}
