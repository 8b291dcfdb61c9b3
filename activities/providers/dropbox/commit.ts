// The last step of every session: finish, one at a time for the account (Dropbox locks it for writing), never
// overwriting and never renaming. Repeating it is safe: identical content at the path counts as no conflict.

import { abortable } from '../../http/abortable.ts'
import type { ArrivedFile, RemoteFile, UploadTarget } from '../provider.ts'
import { fileSchema, remoteFileOf } from './answers.ts'
import type { DropboxConnection } from './connection/connection.ts'
import { covers, errorOf } from './errors.ts'
import { findEntry } from './folders.ts'
import { fileIn } from './names.ts'

/** A commit of hundreds of gigabytes takes minutes (docs/providers.md, 2.3). */
const FINISH_TIMEOUT_MS = 600_000
/** How far this machine's clock may be off when a file is taken for one of this upload. */
const CLOCK_SLACK_MS = 600_000

type CommitOutcome =
  | { readonly kind: 'file'; readonly file: RemoteFile }
  /** Dropbox holds only this much of a sequential session. */
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'not_closed' }
  /** The concurrent session is closed and has holes: it cannot be finished. */
  | { readonly kind: 'incomplete' }
  /** Unknown session: expired, or committed before. */
  | { readonly kind: 'unknown' }

/** Commit attributes, the same for small files. */
export function commitOf(target: UploadTarget): Readonly<Record<string, unknown>> {
  return { path: fileIn(target.folder.path, target.name), mode: 'add', autorename: false, mute: true }
}

/** Runs one piece of work after the other. */
export type Turns = <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return (work, signal) => {
    const mine = abortable(() => last, signal).then(work)
    // A caller that gives up its wait does not end the work before it.
    last = Promise.allSettled([last, mine])
    return mine
  }
}

/** Finishes a session that should hold the whole file. */
export async function commitSession(
  connection: DropboxConnection,
  turns: Turns,
  target: UploadTarget,
  sessionId: string,
  signal: AbortSignal,
): Promise<CommitOutcome> {
  const arg = { cursor: { session_id: sessionId, offset: target.size }, commit: commitOf(target) }
  const call = { route: 'files/upload_session/finish', arg, answerTimeoutMs: FINISH_TIMEOUT_MS }
  const answer = await turns(() => connection.contentCall(fileSchema, call, signal), signal)
  if (answer.ok) return { kind: 'file', file: remoteFileOf(answer.result) }
  const { reason, correctOffset } = answer.failure
  if (covers(reason, 'incorrect_offset') && correctOffset !== null)
    return { kind: 'offset', offset: correctOffset }
  if (covers(reason, 'concurrent_session_not_closed')) return { kind: 'not_closed' }
  if (covers(reason, 'concurrent_session_missing_data')) return { kind: 'incomplete' }
  if (covers(reason, 'lookup_failed/not_found') || covers(reason, 'lookup_failed/closed'))
    return { kind: 'unknown' }
  throw errorOf(answer.failure)
}

/**
 * The file that an earlier, unanswered finish may have made: of the right size and not older than the upload. An older
 * one belongs to others; sending again decides that, since Dropbox compares contents.
 */
export async function findCommitted(
  connection: DropboxConnection,
  target: UploadTarget,
  createdAt: string,
  signal: AbortSignal,
): Promise<ArrivedFile | null> {
  const entry = await findEntry(connection, fileIn(target.folder.path, target.name), signal)
  if (entry?.['.tag'] !== 'file' || entry.size !== target.size) return null
  const isOlder = Date.parse(entry.server_modified) < Date.parse(createdAt) - CLOCK_SLACK_MS
  return isOlder ? null : { ...remoteFileOf(entry), is_surmised: true }
}
