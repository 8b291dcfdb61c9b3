// What has arrived of an upload that was stopped. The provider is asked whether the file is there. Where all bytes may have
// left, it is asked again for some seconds, because a service goes on with a request whose connection was cut. When nothing is
// there, the session is given up, and the provider is asked once more after that.

import { setTimeout as pause } from 'node:timers/promises'
import type { UploadSessionRow } from '../../db/schema.ts'
import { saveSession } from '../../db/uploads/sessions.ts'
import { isRetryable } from '../../workflows/errors.ts'
import type { ActivityDeps } from '../dependencies.ts'
import {
  type ArchiveSource,
  type ArrivedFile,
  type Provider,
  ProviderError,
  type UploadTarget,
} from '../providers/provider.ts'
import { type KeptSession, keptForm } from './kept-session.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2_000

export type Stopped = {
  readonly row: UploadSessionRow
  readonly kept: KeptSession
  readonly target: UploadTarget
  readonly provider: Provider
  /** True when all of the bytes may have been handed to the network. */
  readonly mayBeWhole: boolean
}

/** The file; null when it is not there, and will not appear as far as the provider can tell: its session is given up then. */
export async function arrivedFile(
  deps: ActivityDeps,
  stopped: Stopped,
  signal: AbortSignal,
): Promise<ArrivedFile | null> {
  const { provider, kept, mayBeWhole } = stopped
  const { assemblyMs, cutRequestMs } = deps.patience
  const startMs = Date.now()
  let pauseMs = FIRST_PAUSE_MS
  for (;;) {
    const seen = await look(deps, stopped, signal)
    if (seen.kind === 'complete') return seen.file
    const patienceMs = seen.kind === 'assembling' ? assemblyMs : mayBeWhole ? cutRequestMs : 0
    if (Date.now() - startMs >= patienceMs) break
    await pause(pauseMs, undefined, { signal })
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }
  await provider.abortSession(kept.session, signal)
  if (!mayBeWhole) return null
  const last = await look(deps, stopped, signal)
  return last.kind === 'complete' ? last.file : null
}

type Look =
  | { readonly kind: 'complete'; readonly file: ArrivedFile }
  | { readonly kind: 'missing' }
  /** The provider has all bytes, and does not show the file yet. */
  | { readonly kind: 'assembling' }

async function look(deps: ActivityDeps, stopped: Stopped, signal: AbortSignal): Promise<Look> {
  const { provider, kept, target } = stopped
  if (kept.vanished !== null) {
    const file = await provider.getFile(kept.vanished, signal)
    return file === null ? { kind: 'missing' } : { kind: 'complete', file }
  }
  try {
    const state = await provider.querySession(target, kept.session, signal)
    if (state.kind === 'complete') return state
    if (state.kind === 'gone' || state.offset < target.size) return { kind: 'missing' }
    // All bytes are there, and the last call may still be on its way: it is made once more, so that its result is known.
    return { kind: 'complete', file: await finish(deps, stopped, signal) }
  } catch (error) {
    signal.throwIfAborted()
    if (isAssembling(error)) return { kind: 'assembling' }
    if (error instanceof ProviderError && error.code === 'session_expired') return { kind: 'missing' }
    throw error
  }
}

/** What providers answer between the last byte and the file. Neither is a fault of theirs: faults come with an HTTP status. */
function isAssembling(error: unknown): boolean {
  return (
    error instanceof ProviderError &&
    isRetryable(error.code) &&
    error.httpStatus === undefined &&
    (error.code === 'upload_unverified' || error.code === 'provider_unavailable')
  )
}

async function finish(
  { db, vault }: ActivityDeps,
  { provider, row, kept, target }: Stopped,
  signal: AbortSignal,
): Promise<ArrivedFile> {
  return provider.send(target, kept.session, nothingToRead(target.size), target.size, {
    signal,
    onSent: () => undefined,
    onStored: () => undefined,
    saveSession: (session) => saveSession(db, vault, row, keptForm({ ...kept, session })),
  })
}

function nothingToRead(size: number): ArchiveSource {
  return {
    size,
    read: () => {
      throw new ProviderError('session_expired', 'The provider wants bytes again that it has called stored.')
    },
  }
}
