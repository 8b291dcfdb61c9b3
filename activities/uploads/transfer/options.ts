// What a transfer works with: the provider and the archive, where its session is kept, and who is told of its progress.

import type { OpenArchive } from '../../archives/archive-source.ts'
import type { Provider, RemoteFolder, UploadSession, UploadTarget } from '../../providers/provider.ts'

/** Where the session is kept between attempts; every write is refused once another attempt has claimed it. */
export interface SessionStore {
  load(): UploadSession | null
  save(session: UploadSession): Promise<void>
  /** Drops a session that was given up here. */
  drop(): Promise<void>
  /** Drops a session that the provider has forgotten; returns how often that has happened to this upload. */
  restart(): Promise<number>
}

interface TransferEvents {
  onSent(bytes: number): void
  onStored(offset: number): void
  onContinue(offset: number): void
  onNote(note: TransferNote): Promise<void>
}

export type TransferNote =
  | { readonly event: 'upload_resumed'; readonly offset: number }
  | { readonly event: 'session_restarted'; readonly restarts: number }
  | { readonly event: 'already_present'; readonly name: string }
  | { readonly event: 'name_conflict_renamed'; readonly wanted: string; readonly name: string }

export type TransferOptions = {
  readonly provider: Provider
  readonly folder: RemoteFolder
  /** Names to try, best first. */
  readonly names: readonly string[]
  readonly upload: Pick<UploadTarget, 'runId' | 'instance' | 'size'>
  readonly source: OpenArchive
  readonly sessions: SessionStore
  readonly events: TransferEvents
  readonly signal: AbortSignal
}
