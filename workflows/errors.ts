// The one vocabulary of errors: status, audit, API, UI and Temporal failures all name these codes.
// Data, not classes. `permanent` codes stop at once; the others are retried until 24 hours have passed
// without a byte of progress (docs/design.md, rule 8).

type ErrorRule = {
  /** True when trying again without a person's help cannot succeed. */
  readonly permanent: boolean
  /** What the person who reads it should do. */
  readonly advice: string
}

const rules = {
  // what the caller asked for
  invalid_input: { permanent: true, advice: 'Correct the named field and start the run again.' },
  unknown_instance: { permanent: true, advice: 'Create the instance first, or correct its slug.' },
  unknown_account: { permanent: true, advice: 'Use the ID of an account that is bound to this instance.' },
  run_id_conflict: { permanent: true, advice: 'This run_id belongs to another archive: use a new one.' },
  sync_open: { permanent: true, advice: 'Wait for the sync of this run that is still open, or cancel it.' },
  database_missing: {
    permanent: true,
    advice: "The binding's remote path uses {database}: name the database when starting the run.",
  },

  // the archive on disk
  archive_outside_root: {
    permanent: true,
    advice: 'Put the archive under BACKUP_ROOT and name it from there.',
  },
  archive_missing: { permanent: true, advice: 'The file is not there (any more): make a new backup.' },
  archive_empty: {
    permanent: true,
    advice: 'The file has 0 bytes: check the backup job, then make a new backup.',
  },
  archive_unsupported: { permanent: true, advice: 'Only .zip, .dump and .tar.gz archives are taken.' },
  archive_changed: {
    permanent: true,
    advice: 'The file changed while it was read: start the sync when the backup is finished.',
  },
  archive_unreadable: { permanent: false, advice: 'Check the disk and the permissions of the file.' },
  archive_too_large: {
    permanent: true,
    advice: 'The file is larger than this provider takes: use another one.',
  },

  // the account and its credentials
  credentials_malformed: { permanent: true, advice: "Enter the account's credentials again." },
  credentials_unreadable: {
    permanent: true,
    advice: "The key file does not open this account's credentials: enter them again, or restore the key.",
  },
  credentials_refused: { permanent: true, advice: 'The provider refuses the credentials: enter them again.' },
  token_refused: {
    permanent: false,
    advice: 'Another token is fetched. Where it stays so, look at the account at the provider.',
  },
  credentials_expired: { permanent: true, advice: 'The credentials have expired: enter new ones.' },
  permission_denied: { permanent: true, advice: 'Give the account write access to the folder.' },
  api_not_enabled: { permanent: true, advice: "Enable the provider's API for this application." },
  clock_skewed: { permanent: true, advice: "Set this machine's clock: the provider refuses its time." },
  account_misconfigured: { permanent: true, advice: "Correct the account's settings." },
  binding_deleted: {
    permanent: true,
    advice: 'Bind the instance to the account again, then re-upload, if the copy is wanted.',
  },

  // the destination
  folder_missing: {
    permanent: true,
    advice: 'The folder is gone or not shared with this account: restore or share it.',
  },
  storage_quota_exceeded: {
    permanent: true,
    advice: 'Free space at the destination, or buy more, then re-upload.',
  },
  folder_full: { permanent: true, advice: 'The folder or drive holds as many items as the provider allows.' },
  name_refused: { permanent: true, advice: 'The provider refuses the name: rename the archive.' },
  name_conflict: {
    permanent: true,
    advice: 'Files with other content hold this name and its replacement: move them away, then re-upload.',
  },
  file_locked: { permanent: false, advice: 'The remote file is open elsewhere; it is tried again.' },
  daily_limit_reached: {
    permanent: false,
    advice: 'The daily upload limit of the account is used up; it goes on later.',
  },

  // on the way
  account_busy: { permanent: false, advice: 'Other uploads to this account go first.' },
  rate_limited: { permanent: false, advice: 'The provider asked for a pause; it goes on by itself.' },
  provider_unavailable: { permanent: false, advice: 'The provider has a fault; it is tried again.' },
  network_unreachable: {
    permanent: false,
    advice: 'Check the network, DNS, proxy and firewall of this machine.',
  },
  network_stalled: { permanent: false, advice: 'No bytes moved for a while; it goes on by itself.' },
  certificate_invalid: {
    permanent: false,
    advice: 'The certificate is not trusted: check the clock and any TLS proxy (NODE_EXTRA_CA_CERTS).',
  },
  insecure_redirect: {
    permanent: true,
    advice: 'The provider redirected to plain HTTP or an unknown host: check the proxy.',
  },
  session_expired: { permanent: false, advice: 'The provider forgot the upload; it starts over.' },
  session_too_slow: {
    permanent: true,
    advice: "At the measured rate the file cannot finish within the life of the provider's upload session.",
  },
  claim_lost: { permanent: false, advice: 'There is nothing to do: the newer attempt goes on.' },
  unexpected_answer: {
    permanent: false,
    advice: 'The provider answered something unknown; it is tried again.',
  },
  request_refused: {
    permanent: true,
    advice: 'The provider refuses the request as wrong; please report this.',
  },

  // the proof
  hash_mismatch: {
    permanent: false,
    advice: 'When it happens again, check memory and disk of this machine and any proxy, then re-upload.',
  },
  size_mismatch: {
    permanent: false,
    advice: 'When it happens again, check for a proxy that changes uploads, then re-upload.',
  },
  copy_vanished: {
    permanent: false,
    advice: 'When it happens again, find out who or what removes files there, then re-upload.',
  },
  upload_unverified: {
    permanent: false,
    advice: 'The copy is not proven yet; the provider is asked again.',
  },

  // retention
  listing_incomplete: {
    permanent: false,
    advice: 'The provider did not list the whole folder: nothing is deleted.',
  },
  file_changed: { permanent: true, advice: 'The remote file changed since it was listed: it is left alone.' },

  // running
  run_unknown: {
    permanent: true,
    advice:
      'The database is older or newer than the workflow, or another one: report the archive again as a new run.',
  },
  no_worker_for_queue: { permanent: true, advice: 'Start the worker that serves this archive_task_queue.' },
  no_progress: { permanent: true, advice: 'No byte moved for 24 hours: mend the cause, then re-upload.' },
  database_unavailable: {
    permanent: false,
    advice: 'Check PostgreSQL; it goes on by itself when it is back.',
  },
  worker_lost: { permanent: false, advice: 'The worker stopped; another one goes on.' },
  cancelled: { permanent: true, advice: 'Cancelled on request; re-upload starts it again.' },
  internal_error: { permanent: false, advice: 'A fault of this program: please report it with the log.' },
} as const satisfies Record<string, ErrorRule>

export type ErrorCode = keyof typeof rules

export const ERROR_RULES: Readonly<Record<ErrorCode, ErrorRule>> = rules

export const ERROR_CODES = Object.keys(rules) as readonly ErrorCode[]

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(rules, value)
}

/** True when the code heals without a person: it is retried. */
export function isRetryable(code: ErrorCode): boolean {
  return !rules[code].permanent
}
