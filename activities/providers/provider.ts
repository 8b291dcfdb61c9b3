// What a cloud destination must be able to do: one implementation per provider. The upload itself (claiming,
// hashing, retrying, saving sessions, verifying) is written once in activities/ against this interface, so
// a further provider implements this file's types and nothing else.
//
// Every method takes an AbortSignal and rejects with a ProviderError (failures of the provider or network)
// or the signal's reason. No method retries a whole operation: Temporal does. None deletes to make room.

import type { StoredSession } from '../../db/uploads/sessions.ts'
import { adviceOf, type ErrorCode } from '../../workflows/errors.ts'
import type { Explanation } from '../../workflows/explanation.ts'
import type { FileHash, HashAlgorithm, ProviderKind } from '../../workflows/types.ts'

/**
 * A failure at a provider's edge. Carries only parts that this program owns: never a URL, header, token or
 * body.
 */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly code: ErrorCode
  /** What happened, as a sentence, which may quote the provider's own short error code. */
  readonly fact: string
  /** What to do. */
  readonly advice: string
  /** HTTP status of the answer, where there was one. */
  readonly httpStatus: number | undefined
  /** How long the provider asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined
  /** The provider's request ID, for its support desk. */
  readonly requestId: string | undefined

  constructor(
    code: ErrorCode,
    fact: string,
    more: {
      /** Where that of the code does not fit. */
      advice?: string | undefined
      httpStatus?: number | undefined
      retryAfterMs?: number | undefined
      requestId?: string | undefined
    } = {},
  ) {
    super(fact)
    this.code = code
    this.fact = fact
    this.advice = more.advice ?? adviceOf(code)
    this.httpStatus = more.httpStatus
    this.retryAfterMs = more.retryAfterMs
    this.requestId = more.requestId
  }
}

/** A folder at the destination. `path` is for people: '/odoo-backups/acme', without a trailing slash. */
export type RemoteFolder = { readonly id: string; readonly path: string }

export type RemoteFile = {
  readonly id: string
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Hashes that the provider states; empty where it gives none (yet). */
  readonly hashes: readonly FileHash[]
  /** When the provider says that the file arrived: RFC 3339, UTC. The order of retention. */
  readonly uploaded_at: string
  /** What a deletion can be bound to (Dropbox rev, Graph eTag); null where there is nothing. */
  readonly revision: string | null
}

/**
 * A file that an upload has made. `is_surmised`: the answer that would have named it was lost, and it was recognised by
 * name, size and time alone, so it may be another one's: its content must decide, and it is not ours to delete before.
 */
export type ArrivedFile = RemoteFile & { readonly is_surmised?: boolean }

/** What is to be uploaded, and to where. */
export type UploadTarget = {
  readonly folder: RemoteFolder
  /** File name as it shall stand at the destination (already fitted by `remoteName`). */
  readonly name: string
  /** Bytes; at least 1. */
  readonly size: number
  /** Marks where the provider has such a thing (Drive appProperties). */
  readonly runId: string
  readonly instance: string
}

/**
 * The provider's upload session: a JSON object private to its provider, which may hold pre-authenticated URLs.
 * It is sealed in PostgreSQL and never leaves the activity otherwise. `created_at` starts its life.
 */
export type UploadSession = StoredSession

export type SessionState =
  /** Bytes [0, offset) have arrived (with gaps possible after it, which the session itself knows). */
  | { readonly kind: 'open'; readonly offset: number }
  /** All bytes arrived earlier and the file exists. */
  | { readonly kind: 'complete'; readonly file: ArrivedFile }
  /** The provider has forgotten the session: a new one must be opened. */
  | { readonly kind: 'gone' }

/** Read access to the archive while it is sent. */
export interface ArchiveSource {
  readonly size: number
  /**
   * A stream of the bytes [start, end) in pieces of at most 1 MiB. A piece is valid only until the next one is asked for.
   * Bytes are hashed on the way, each byte once, even if it is sent again. Fails with `archive_changed` when the file is not
   * the one that was opened. That is checked before the last piece, so that a changed archive is never committed.
   */
  read(start: number, end: number): AsyncIterable<Uint8Array>
}

export type SendContext = {
  readonly signal: AbortSignal
  /** Called with the number of bytes that were handed to the socket, for the progress and the stall watchdog. */
  onSent(bytes: number): void
  /** Called when the provider has confirmed that bytes [0, offset) are stored. */
  onStored(offset: number): void
  /** Seals and saves the session (for a ledger that grows while sending); resolves when it is durable. */
  saveSession(session: UploadSession): Promise<void>
}

export type DeleteOutcome = 'deleted' | 'trashed' | 'already_gone'

export type AccountCheck = {
  readonly ok: boolean
  /** One sentence: what was tried and works, or what is wrong. */
  readonly detail: string
  /** Bytes; total null where unlimited or unknown. */
  readonly space: { readonly used: number; readonly total: number | null } | null
  readonly error: ({ readonly code: ErrorCode; readonly message: string } & Explanation) | null
}

type ProviderLimits = {
  /** Largest file in bytes, with its source named where it is defined. */
  readonly maxFileBytes: number
  /** How long an upload session lives, in milliseconds. */
  readonly sessionLifeMs: number
}

export interface Provider {
  readonly kind: ProviderKind
  readonly limits: ProviderLimits
  /** The hash that verifies an upload, computed while sending. */
  readonly hashAlgorithm: HashAlgorithm

  /**
   * The name under which an archive is stored: `name` itself where the provider takes it, else encoded by a stated rule.
   * Throws `name_refused`.
   */
  remoteName(name: string): string

  /**
   * Finds the folder below the account's root, making what is missing. Safe when two callers do it at once.
   * `path` begins with '/' and has no empty, '.' or '..' segments.
   */
  ensureFolder(path: string, signal: AbortSignal): Promise<RemoteFolder>

  /** The same without making anything: null when it is not there. */
  findFolder(path: string, signal: AbortSignal): Promise<RemoteFolder | null>

  /** Files of exactly this name directly in the folder, oldest first (only Drive can have several). */
  findFiles(folder: RemoteFolder, name: string, signal: AbortSignal): Promise<readonly RemoteFile[]>

  /**
   * Opens a session. Nothing of the file is visible at the destination before the last byte. The caller saves the session
   * before the first byte. `forgotten` is a session to the same target that the provider has forgotten. The new session is
   * bound to it where the provider can do that, so that they never make two files. `forgotten` itself is returned where its
   * file exists after all: asking it finds the file.
   */
  openSession(target: UploadTarget, signal: AbortSignal, forgotten?: UploadSession): Promise<UploadSession>

  /** Asks the provider how far the session came. `complete` also when the answer to the last byte was lost. */
  querySession(target: UploadTarget, session: UploadSession, signal: AbortSignal): Promise<SessionState>

  /**
   * Sends the bytes from `offset` to the end and finishes the file. Rejects with a retryable ProviderError when the
   * connection breaks: the caller then asks `querySession` and calls again. Never overwrites another file:
   * `name_conflict` when one of other content holds the name.
   */
  send(
    target: UploadTarget,
    session: UploadSession,
    source: ArchiveSource,
    offset: number,
    context: SendContext,
  ): Promise<ArrivedFile>

  /** Gives the session up at the provider; succeeds when there is nothing (left) to give up. */
  abortSession(session: UploadSession, signal: AbortSignal): Promise<void>

  /** The file by its ID, fresh from the provider; null when it does not exist (or lies in the trash). */
  getFile(id: string, signal: AbortSignal): Promise<RemoteFile | null>

  /**
   * Bytes [start, end) of the file as they stand there, at most 16 MiB at once: the proof of a copy that the provider states no
   * hash of. Only where a provider may do that.
   */
  readBack?(id: string, start: number, end: number, signal: AbortSignal): Promise<Uint8Array>

  /** Every file directly in the folder (no folders, nothing trashed), page by page; rejects when any page fails. */
  listFiles(folder: RemoteFolder, signal: AbortSignal): AsyncIterable<readonly RemoteFile[]>

  /** Deletes exactly this file in this revision; `file_changed` when it is another one by now. */
  deleteFile(
    file: { readonly id: string; readonly revision: string | null },
    signal: AbortSignal,
  ): Promise<DeleteOutcome>

  /** Really tries the account: token, folder reachable and writable, space. Never rejects but for the signal. */
  check(signal: AbortSignal): Promise<AccountCheck>
}
