// A concurrent session: several chunks on the way at once, each acknowledged by itself and written down in the ledger
// that is saved every few chunks. A chunk whose acknowledgement was lost is sent again; where Dropbox refuses it as
// known, it counts as stored, because the commit fails for holes and its hash proves the content.

import { isRetryable } from '../../../workflows/errors.ts'
import { DROPBOX_BLOCK_BYTES } from '../../archives/hashes/dropbox-content-hash.ts'
import {
  type ArchiveSource,
  type ArrivedFile,
  ProviderError,
  type SendContext,
  type SessionState,
  type UploadTarget,
} from '../provider.ts'
import type { DropboxFailure } from './answers.ts'
import { commitSession } from './commit.ts'
import { covers, errorOf } from './errors.ts'
import { createLedgerSaver } from './ledger-saver.ts'
import { type ConcurrentSession, createBlockLedger, planBlocks } from './session.ts'
import { appendChunk, finishUpload, stateOfUnknownSession, type UploadParts } from './session-calls.ts'

/**
 * A chunk that took less than this makes room for another one beside it. On a slow line one chunk at a time gets the
 * whole line, so that each is done before the line breaks again.
 */
const QUICK_CHUNK_MS = 20_000

/**
 * No call tells how far such a session came, but finish refuses one that is still open, by a reason of its own, and
 * completes one whose last acknowledgement was lost.
 */
export async function queryConcurrent(
  parts: UploadParts,
  target: UploadTarget,
  session: ConcurrentSession,
  signal: AbortSignal,
): Promise<SessionState> {
  const outcome = await commitSession(parts.connection, parts.turns, target, session.session_id, signal)
  if (outcome.kind === 'file') return { kind: 'complete', file: outcome.file }
  if (outcome.kind === 'incomplete') return { kind: 'gone' }
  if (outcome.kind === 'unknown') return stateOfUnknownSession(parts, target, session, signal)
  // All was acknowledged, and yet Dropbox holds something else: nothing can mend that.
  if (outcome.kind === 'offset' && session.finishing) return { kind: 'gone' }
  return { kind: 'open', offset: createBlockLedger(planBlocks(target.size), session.stored).offset() }
}

export async function sendConcurrent(
  parts: UploadParts,
  target: UploadTarget,
  session: ConcurrentSession,
  source: ArchiveSource,
  context: SendContext,
): Promise<ArrivedFile> {
  const { tuning, now } = parts
  const plan = planBlocks(target.size)
  const ledger = createBlockLedger(plan, session.stored)
  let finishing = session.finishing
  const saver = createLedgerSaver(() =>
    context.saveSession({ ...session, stored: ledger.ranges(), finishing }),
  )
  /** Set by the first failure. Other chunks on the way may end, unless they are in vain. */
  let failure: { readonly cause: unknown } | undefined
  let isClosed = false
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  const fail = (cause: unknown) => {
    failure ??= { cause }
    if (!(cause instanceof ProviderError) || !isRetryable(cause.code)) stop.abort(cause)
  }
  const lanes: Promise<void>[] = []
  const addLane = () => {
    if (lanes.length < tuning.parallelAppends) lanes.push(lane().catch(fail))
  }
  const lane = async (): Promise<void> => {
    while (failure === undefined && !isClosed) {
      const run = ledger.takeRun(Math.min(parts.pace.bytes(), session.chunk_bytes) / DROPBOX_BLOCK_BYTES)
      if (run === null) return
      const startedAt = now()
      const chunk = {
        start: run.first * DROPBOX_BLOCK_BYTES,
        end: run.end * DROPBOX_BLOCK_BYTES,
        close: false,
      }
      const answer = await appendChunk(parts, session.session_id, chunk, source, context, signal)
      if (!answer.ok && covers(answer.failure.reason, 'closed')) {
        isClosed = true
        return
      }
      if (!answer.ok && !isKnown(answer.failure)) throw errorOf(answer.failure)
      ledger.add(run)
      context.onStored(ledger.offset())
      if (now() - startedAt < QUICK_CHUNK_MS) addLane()
      await saver.noted()
    }
  }
  addLane()
  // Lanes are added while others run: the loop meets them too.
  for (const each of lanes) await each
  context.signal.throwIfAborted()
  if (failure !== undefined) {
    await saver.flush()
    throw failure.cause
  }
  finishing = true
  await context.saveSession({ ...session, stored: ledger.ranges(), finishing })
  if (!isClosed) {
    const closing = { start: plan.closingStart, end: target.size, close: true }
    const answer = await appendChunk(parts, session.session_id, closing, source, context, context.signal)
    const isThere = answer.ok || covers(answer.failure.reason, 'closed') || isKnown(answer.failure)
    if (!isThere) throw errorOf(answer.failure)
  }
  context.onStored(target.size)
  const finished = await finishUpload(parts, target, session, context.signal)
  if (!('offset' in finished)) return finished
  throw new ProviderError('session_expired', 'Dropbox has lost parts of the upload.')
}

/** Offsets are multiples of 4 MiB here: Dropbox can only mean that this chunk is there already. */
function isKnown(failure: DropboxFailure): boolean {
  return (
    covers(failure.reason, 'incorrect_offset') || covers(failure.reason, 'concurrent_session_invalid_offset')
  )
}
