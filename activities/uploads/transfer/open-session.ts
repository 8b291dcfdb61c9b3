// The session that an upload sends into: the one of an earlier attempt where the provider still knows it, else a new one under
// the first name that is free.

import { StepError } from '../../failures.ts'
import type {
  ArrivedFile,
  Provider,
  SessionState,
  UploadSession,
  UploadTarget,
} from '../../providers/provider.ts'
import { keptForm, readKept } from '../kept-session.ts'
import { withLateSignal } from './late-signal.ts'
import type { TransferOptions } from './options.ts'
import { equalHash, isNameTaken, type RecognisedFile, standingFiles } from './recognise-file.ts'

/** An upload ends after so many sessions that the provider has forgotten. */
const MOST_RESTARTS = 3
const MOST_RESTARTS_OF_AGE = 1
/**
 * How long a cancelled attempt waits for the answer to an opening: only the answer names the session, without which it cannot
 * be given up.
 */
const OPENING_MS = 10_000

export type OpenedSession = {
  readonly target: UploadTarget
  readonly session: UploadSession
  /** The provider has the bytes [0, offset). */
  readonly offset: number
}

type Opened =
  | ({ readonly kind: 'open' } & OpenedSession)
  /** The session has made its file. */
  | { readonly kind: 'complete'; readonly target: UploadTarget; readonly file: ArrivedFile }
  /** No session is needed: the archive is there already. */
  | { readonly kind: 'present'; readonly result: RecognisedFile }

/** Adds to `refused` the name that the provider refuses as taken, and rejects with its `name_conflict` then. */
export async function openOrResume(options: TransferOptions, refused: Set<string>): Promise<Opened> {
  const { provider, sessions, events, signal, folder, upload } = options
  const stored = sessions.load()
  let forgotten: { readonly name: string; readonly session: UploadSession } | undefined
  if (stored !== null) {
    const { name, session, vanished } = readKept(stored)
    const target = { ...upload, folder, name }
    const state = await stateOf(options, target, session, vanished)
    if (state.kind === 'open') {
      if (state.offset > 0) await events.onNote({ event: 'upload_resumed', offset: state.offset })
      return { kind: 'open', target, session, offset: state.offset }
    }
    if (state.kind === 'complete') return { kind: 'complete', target, file: state.file }
    if (vanished === null) {
      const restarts = await sessions.restart()
      await events.onNote({ event: 'session_restarted', restarts })
      refuseEndlessRestarts(provider, session, restarts)
    }
    forgotten = { name, session }
  }
  const found = await findFreeName(options, refused)
  if (found.kind === 'present') return found
  const target = { ...upload, folder, name: found.name }
  const before = forgotten?.name === found.name ? forgotten.session : undefined
  const opening = withLateSignal(signal, OPENING_MS, (late) => provider.openSession(target, late, before))
  const session = await opening.catch((error: unknown) => {
    if (isNameTaken(error)) refused.add(found.name)
    throw error
  })
  await sessions.save(ofTarget(target, session))
  signal.throwIfAborted()
  // Its file exists by now: asking finds it.
  if (session === before) return openOrResume(options, refused)
  return { kind: 'open', target, session, offset: 0 }
}

/** Where the session's file has vanished, only the file is looked for: it may appear late, else it is sent again. */
async function stateOf(
  { provider, signal }: TransferOptions,
  target: UploadTarget,
  session: UploadSession,
  vanished: string | null,
): Promise<SessionState> {
  if (vanished === null) return provider.querySession(target, session, signal)
  const file = await provider.getFile(vanished, signal)
  return file === null ? { kind: 'gone' } : { kind: 'complete', file }
}

/**
 * A session that reached the end of its life is opened anew once; a second one would not last either. One that was forgotten
 * earlier may have met a fault of the service.
 */
function refuseEndlessRestarts(provider: Provider, session: UploadSession, restarts: number): void {
  const isAged = Date.now() - Date.parse(session.created_at) >= provider.limits.sessionLifeMs
  if (restarts <= (isAged ? MOST_RESTARTS_OF_AGE : MOST_RESTARTS)) return
  throw new StepError(
    'session_too_slow',
    `The provider forgot the upload ${restarts} times before it was finished.`,
  )
}

/** The first name that is free, or the file of equal content that is there already. */
async function findFreeName(
  options: TransferOptions,
  refused: ReadonlySet<string>,
): Promise<{ readonly kind: 'free'; readonly name: string } | Extract<Opened, { kind: 'present' }>> {
  const { names, events } = options
  for (const name of names) {
    const standing = await standingFiles(options, options.folder, name)
    for (const file of standing) {
      const local = await equalHash(options, file)
      if (local === null) continue
      await events.onNote({ event: 'already_present', name })
      return { kind: 'present', result: { file, local, already_present: true } }
    }
    if (standing.length > 0 || refused.has(name)) continue
    if (name !== names[0])
      await events.onNote({ event: 'name_conflict_renamed', wanted: names[0] ?? name, name })
    return { kind: 'free', name }
  }
  throw new StepError(
    'name_conflict',
    `Files of other content hold the names ${names.map((name) => JSON.stringify(name)).join(' and ')}.`,
  )
}

/** The session in the form in which it is kept. */
export function ofTarget({ name, folder }: UploadTarget, session: UploadSession): UploadSession {
  return keptForm({ name, folder, session, vanished: null })
}
