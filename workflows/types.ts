// The shapes that leave the process: workflow input, status and result (docs/design.md, "Contract: Temporal").
// Names are snake_case because they are used as they are stored and sent; nothing maps them.

export const PROVIDER_KINDS = ['google_drive', 'dropbox', 'onedrive'] as const
export type ProviderKind = (typeof PROVIDER_KINDS)[number]

export const DESTINATION_STATUSES = [
  'pending',
  'uploading',
  'retrying',
  'uploaded',
  'failed',
  'cancelled',
] as const
export type DestinationStatus = (typeof DESTINATION_STATUSES)[number]

/** What a whole run amounts to: `none` where no enabled binding exists. */
export const CLOUD_STATUSES = ['uploaded', 'failed', 'cancelled', 'pending', 'none'] as const
export type CloudStatus = (typeof CLOUD_STATUSES)[number]

export const RETENTION_SCOPES = ['folder', 'own'] as const
/** `folder`: every archive in the folder counts; `own`: only files that this program uploaded. */
export type RetentionScope = (typeof RETENTION_SCOPES)[number]

export const HASH_ALGORITHMS = ['md5', 'sha256', 'dropbox_content_hash', 'quickxorhash'] as const
export type HashAlgorithm = (typeof HASH_ALGORITHMS)[number]

/** A provider's own hash: hex in lower case, but base64 for quickxorhash. */
export type FileHash = { readonly algorithm: HashAlgorithm; readonly value: string }

/** An error as a person or program outside sees it: a code of `errors.ts`, what happened, and what to do about it. */
export type StatusError = {
  readonly code: string
  /** `fact` and `advice` joined. */
  readonly message: string
  readonly retryable: boolean
  /** What happened; absent where an earlier version wrote the error (`explanationOf` reads both forms). */
  readonly fact?: string | undefined
  /** What to do; absent with `fact`. */
  readonly advice?: string | undefined
}

export type RetentionResult = {
  readonly keep_last: number
  /** Names of the remote files that were deleted: the first hundred. The audit has them all. */
  readonly deleted: readonly string[]
  /** How many were deleted; absent where `deleted` names them all. */
  readonly deleted_count?: number | undefined
  readonly kept: number
  readonly skipped: null | 'would_delete_all' | 'new_file_not_listed'
  readonly error: StatusError | null
}

/** One destination of one run; sizes and offsets are bytes, times RFC 3339 in UTC. */
export type DestinationState = {
  readonly account: string
  readonly provider: ProviderKind
  readonly binding_id: string
  readonly status: DestinationStatus
  readonly error: StatusError | null
  readonly remote_path: string | null
  readonly remote_id: string | null
  readonly size: number | null
  readonly bytes_sent: number
  readonly hash: FileHash | null
  readonly attempt: number
  readonly started_at: string | null
  readonly finished_at: string | null
  readonly retention: RetentionResult | null
}

/** Keyed by account ID. */
export type CloudSyncStatus = Readonly<Record<string, DestinationState>>

/** The one argument of `cloudSyncWorkflow`. */
export type CloudSyncInput = {
  readonly run_id?: string | undefined
  /** Slug of the instance. */
  readonly instance: string
  /** Relative to BACKUP_ROOT, or absolute beneath it. */
  readonly archive: string
  readonly database?: string | null | undefined
  readonly finished_at?: string | null | undefined
  /** Task queue of the worker on the host that has the archive; default: the shared upload queue. */
  readonly archive_task_queue?: string | null | undefined
  /** Limits the run to these accounts. */
  readonly account_ids?: readonly string[] | null | undefined
}

export type CloudSyncResult = {
  readonly run_id: string
  readonly status: CloudStatus
  readonly destinations: CloudSyncStatus
}
