// The row types of every table, column by column as the migrations make them. Columns are snake_case and leave
// the process as they are. What PostgreSQL checks (db/migrations) is not repeated here.
// Times are RFC 3339 in UTC with milliseconds; sizes and offsets are bytes.

import type { ColumnType, Generated, Selectable } from 'kysely'
import type { WrittenError } from '../workflows/explanation.ts'
import type {
  CloudStatus,
  CloudSyncStatus,
  DestinationStatus,
  FileHash,
  ProviderKind,
  RetentionResult,
  RetentionScope,
  StatusError,
} from '../workflows/types.ts'

/** A JSONB column: read as a value, written as JSON text (pg would turn an array into a PostgreSQL array). */
type Json<T> = ColumnType<T, string, string>
type JsonOrNull<T> = ColumnType<T | null, string | null | undefined, string | null>
type JsonWithDefault<T> = ColumnType<T, string | undefined, string>

/** Written by the database when the row is made. */
type MadeAt = ColumnType<string, string | undefined, string>

type InstancesTable = {
  slug: string
  name: string
  created_at: MadeAt
  updated_at: MadeAt
}

export type AccountSettings = Readonly<Record<string, unknown>>

export type CloudAccountsTable = {
  id: string
  name: string
  provider: ProviderKind
  sealed_credentials: string
  /** Of the key that sealed the credentials: first 8 hex digits of its SHA-256. */
  key_fingerprint: string
  credentials_hint: string | null
  settings: JsonWithDefault<AccountSettings>
  paused_until: string | null
  paused_reason: string | null
  created_at: MadeAt
  updated_at: MadeAt
}

type BindingsTable = {
  id: string
  instance_slug: string
  account_id: string
  /** As given, with placeholders. */
  remote_path: string
  /** Normalised for comparing: lower case, slug put in, `{database}` left as it is, no trailing slash. */
  resolved_folder: string
  enabled: Generated<boolean>
  keep_last: number | null
  retention_scope: ColumnType<RetentionScope, RetentionScope | undefined, RetentionScope>
  created_at: MadeAt
  updated_at: MadeAt
}

/** `linked`: hard-linked into `.cloud-sync`; `original`: the file system cannot link, the archive itself is used. */
export type PinKind = 'linked' | 'original'

type RunsTable = {
  id: string
  instance_slug: string
  archive: string
  database: string | null
  finished_at: string | null
  archive_task_queue: string | null
  account_ids: JsonOrNull<readonly string[]>
  workflow_id: string
  /** Temporal's run ID of the execution that opened the newest sync; null before it began. */
  execution_id: string | null
  size: number | null
  /** Absolute, symlinks resolved. */
  archive_path: string | null
  /** Nanoseconds since 1970 as decimal digits. */
  archive_mtime_ns: string | null
  pin: PinKind | null
  pin_path: string | null
  /** When the pin is released; null while it is needed, or gone. */
  kept_until: string | null
  cloud_status: ColumnType<CloudStatus, CloudStatus | undefined, CloudStatus>
  cloud_sync_status: JsonWithDefault<CloudSyncStatus>
  /** What stopped the whole run, such as a missing archive. */
  error: JsonOrNull<StatusError>
  sync_started_at: string | null
  sync_finished_at: string | null
  /** Set while Temporal has not confirmed the start of a sync (db/runs/starts.ts). */
  start_requested_at: string | null
  /** The destinations of that start; null means those of the run. */
  start_account_ids: JsonOrNull<readonly string[]>
  created_at: MadeAt
  updated_at: MadeAt
}

/** DestinationState of workflows/types.ts with its key. */
export type DestinationsTable = {
  run_id: string
  account_id: string
  account: string
  provider: ProviderKind
  binding_id: string
  status: DestinationStatus
  error: JsonOrNull<StatusError>
  remote_path: string | null
  remote_id: string | null
  size: number | null
  bytes_sent: number
  hash: JsonOrNull<FileHash>
  attempt: number
  started_at: string | null
  finished_at: string | null
  retention: JsonOrNull<RetentionResult>
  updated_at: MadeAt
  /** The run's `created_at`, kept by a trigger, for the index of an account's history. */
  run_created_at: MadeAt
  /** The run's, kept by the same trigger, for the index of an instance's newest copy. */
  instance_slug: Generated<string>
}

const ATTEMPT_OUTCOMES = ['uploaded', 'failed', 'retrying', 'cancelled'] as const
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number]

type AttemptsTable = {
  id: Generated<number>
  run_id: string
  account_id: string
  attempt: number
  started_at: MadeAt
  finished_at: string | null
  /** Null while it runs. */
  outcome: AttemptOutcome | null
  bytes_sent: Generated<number>
  from_offset: Generated<number>
  error: JsonOrNull<StatusError>
}

type UploadSessionsTable = {
  run_id: string
  account_id: string
  /** Grows with each claim; only the holder of the latest may write. */
  claim: number
  sealed_session: string | null
  remote_folder: string
  remote_name: string
  archive_size: number
  archive_mtime_ns: string
  /** What the provider has confirmed. */
  stored_bytes: Generated<number>
  /** Bytes handed to the network, including repeated ones. */
  sent_bytes: Generated<number>
  restarts: Generated<number>
  session_created_at: string | null
  /** Of the whole archive, known once an attempt has read all of it. */
  archive_hash: JsonOrNull<FileHash>
  /** When the provider stored more than ever before in this session. */
  last_progress_at: MadeAt
  /** The most that the provider has ever confirmed of this session: only what goes beyond is progress. */
  furthest_bytes: Generated<number>
  /** How long the upload has been tried since then, including short pauses between attempts. */
  fruitless_ms: Generated<number>
  /** Further time of trying, for bytes of which the provider has not yet said whether they arrived. */
  unsettled_ms: Generated<number>
  /** Attempts that have begun after the one in which it was. */
  fruitless_attempts: Generated<number>
  /** Up to when the time is counted; null before the first attempt of a sync. */
  tried_at: string | null
  created_at: MadeAt
}

/** Every file that this program uploaded: what retention scope `own` counts. */
type UploadedFilesTable = {
  account_id: string
  remote_id: string
  run_id: string
  remote_path: string
  size: number
  hash: Json<FileHash>
  uploaded_at: string
  deleted_at: string | null
}

type UploadSlotsTable = {
  account_id: string
  run_id: string
  expires_at: string
}

type AuditLogTable = {
  id: Generated<number>
  at: MadeAt
  actor: string
  event: string
  instance_slug: string | null
  run_id: string | null
  account_id: string | null
  binding_id: string | null
  details: JsonWithDefault<Readonly<Record<string, unknown>>>
}

export const USER_ROLES = ['admin', 'operator', 'viewer'] as const
export type UserRole = (typeof USER_ROLES)[number]

type UsersTable = {
  id: string
  username: string
  password_hash: string
  role: ColumnType<UserRole, UserRole | undefined, UserRole>
  must_change_password: Generated<boolean>
  last_login_at: string | null
  created_at: MadeAt
  updated_at: MadeAt
}

type UserSessionsTable = {
  /** SHA-256 of the cookie's value, in hex: the table alone logs nobody in. */
  token_hash: string
  user_id: string
  /** What an API answer may name. */
  id: Generated<string>
  created_at: MadeAt
  last_seen_at: MadeAt
  expires_at: string
}

export type ApiTokensTable = {
  id: string
  name: string
  /** SHA-256 of the token, in hex. */
  token_hash: string
  scopes: Json<readonly string[]>
  created_by: string
  created_at: MadeAt
  expires_at: string | null
  last_used_at: string | null
}

/** Failed logins of a user name or an address. */
type LoginThrottlesTable = {
  key: string
  failures: number
  last_failed_at: MadeAt
  blocked_until: string | null
}

/** The result of the last check of an account. */
export type AccountCheckOutcome = {
  readonly ok: boolean
  readonly detail: string
  readonly space: { readonly used: number; readonly total: number | null } | null
  readonly error: WrittenError | null
}

type AccountChecksTable = {
  account_id: string
  checked_at: MadeAt
  outcome: Json<AccountCheckOutcome>
}

/** Credentials that are tried before they are saved: for minutes only. */
type AccountDraftsTable = {
  id: string
  name: string
  provider: ProviderKind
  sealed_credentials: string
  settings: JsonWithDefault<AccountSettings>
  expires_at: string
}

export type Database = {
  instances: InstancesTable
  cloud_accounts: CloudAccountsTable
  bindings: BindingsTable
  runs: RunsTable
  destinations: DestinationsTable
  attempts: AttemptsTable
  upload_sessions: UploadSessionsTable
  uploaded_files: UploadedFilesTable
  upload_slots: UploadSlotsTable
  audit_log: AuditLogTable
  users: UsersTable
  user_sessions: UserSessionsTable
  api_tokens: ApiTokensTable
  login_throttles: LoginThrottlesTable
  account_checks: AccountChecksTable
  account_drafts: AccountDraftsTable
}

export type Instance = Selectable<InstancesTable>
export type Binding = Selectable<BindingsTable>
export type Run = Selectable<RunsTable>
export type Attempt = Selectable<AttemptsTable>
export type UploadSessionRow = Selectable<UploadSessionsTable>
export type UploadedFile = Selectable<UploadedFilesTable>
export type AuditEntry = Selectable<AuditLogTable>
export type User = Selectable<UsersTable>
