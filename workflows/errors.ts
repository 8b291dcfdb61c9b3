// The one vocabulary of errors: status, audit, API, UI and Temporal failures all name these codes.
// Data, not classes. `permanent` codes stop at once; the others are retried until 24 hours have passed
// without a byte of progress (docs/design.md, rule 8).

type ErrorRule = {
  /** True when trying again without a person's help cannot succeed. */
  readonly permanent: boolean
  /** What the person who reads it should do: whole sentences that read well behind any fact. */
  readonly advice: string
  /** True where an upload goes on without anybody. Whoever asked and waits for the answer has to ask again. */
  readonly heals?: true
}

const rules = {
  // what the caller asked for
  invalid_input: { permanent: true, advice: 'Correct the named field and start the run again.' },
  unknown_instance: { permanent: true, advice: 'Create the instance first, or correct its slug.' },
  unknown_account: { permanent: true, advice: 'Use the ID of an account that is bound to this instance.' },
  run_id_conflict: { permanent: true, advice: 'Use a new run_id.' },
  sync_open: { permanent: true, advice: 'Wait for the sync of this run that is still open, or cancel it.' },
  database_missing: {
    permanent: true,
    advice: 'Name the database when starting the run, or take {database} out of the remote path.',
  },

  // the archive on disk
  archive_outside_root: {
    permanent: true,
    advice: 'Put the archive under BACKUP_ROOT and name it from there.',
  },
  archive_missing: { permanent: true, advice: 'Correct the path, or make a new backup.' },
  archive_empty: {
    permanent: true,
    advice: 'Check the backup job, then make a new backup.',
  },
  archive_unsupported: { permanent: true, advice: 'Back up to a .zip, .dump or .tar.gz file.' },
  archive_changed: {
    permanent: true,
    advice: 'Start the sync when the backup is finished.',
  },
  archive_unreadable: { permanent: false, advice: 'Check the disk and the permissions of the file.' },
  archive_too_large: {
    permanent: true,
    advice: 'Use a provider that takes larger files.',
  },

  // the account and its credentials
  credentials_malformed: { permanent: true, advice: "Enter the account's credentials again." },
  credentials_unreadable: {
    permanent: true,
    advice: "Enter the account's credentials again, or restore the key file.",
  },
  credentials_refused: { permanent: true, advice: "Enter the account's credentials again." },
  token_refused: {
    permanent: false,
    advice: 'Wait; another token is fetched. Where it stays so, look at the account at the provider.',
    heals: true,
  },
  credentials_expired: { permanent: true, advice: 'Enter new credentials for the account.' },
  permission_denied: { permanent: true, advice: 'Give the account write access to the folder.' },
  api_not_enabled: { permanent: true, advice: "Enable the provider's API for this application." },
  clock_skewed: { permanent: true, advice: "Set this machine's clock." },
  account_misconfigured: { permanent: true, advice: "Correct the account's settings." },
  binding_deleted: {
    permanent: true,
    advice: 'Bind the instance to the account again, then re-upload, if the copy is wanted.',
  },

  // the destination
  folder_missing: {
    permanent: true,
    advice: 'Restore the folder, or share it with this account.',
  },
  folder_in_my_drive: {
    permanent: true,
    advice:
      'Choose a folder in a shared drive of which the service account is a member, or set "subject" to a user for whom it ' +
      'may act.',
  },
  storage_quota_exceeded: {
    permanent: true,
    advice: 'Free space at the destination, or buy more, then re-upload.',
  },
  folder_full: { permanent: true, advice: 'Delete or move some of its items, or use another folder.' },
  name_refused: { permanent: true, advice: 'Rename the archive, then report it as a new run.' },
  name_conflict: {
    permanent: true,
    advice: 'Move the files of this name away, then re-upload.',
  },
  file_locked: {
    permanent: false,
    advice: 'Wait; it is tried again. Where it stays so, close the file at the provider.',
    heals: true,
  },
  daily_limit_reached: {
    permanent: false,
    advice: 'Wait; it goes on by itself.',
    heals: true,
  },

  // on the way
  account_busy: { permanent: false, advice: 'Wait; it goes on when its turn comes.', heals: true },
  rate_limited: { permanent: false, advice: 'Wait; it goes on by itself.', heals: true },
  provider_unavailable: { permanent: false, advice: 'Wait; it is tried again.', heals: true },
  network_unreachable: {
    permanent: false,
    advice: 'Check the network, DNS, proxy and firewall of this machine.',
  },
  network_stalled: {
    permanent: false,
    advice: 'Wait; it is tried again. Where it stays so, check the network of this machine.',
    heals: true,
  },
  certificate_invalid: {
    permanent: false,
    advice: 'Check the clock and any TLS proxy (NODE_EXTRA_CA_CERTS).',
  },
  insecure_redirect: {
    permanent: true,
    advice: "Check the proxy and the provider's addresses in the environment.",
  },
  session_expired: { permanent: false, advice: 'Wait; the upload starts over.', heals: true },
  session_too_slow: {
    permanent: true,
    advice: 'Use a faster line, or a provider whose upload sessions live longer.',
  },
  claim_lost: { permanent: false, advice: 'Wait; the newer attempt goes on.', heals: true },
  unexpected_answer: {
    permanent: false,
    advice: 'Wait; it is tried again. Where it stays so, look for a proxy or firewall in between.',
    heals: true,
  },
  request_refused: {
    permanent: true,
    advice: 'Please report this with the log.',
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
    advice: 'Wait; the provider is asked again.',
    heals: true,
  },

  // retention
  listing_incomplete: {
    permanent: false,
    advice: 'Wait; the folder is listed again before anything is deleted.',
    heals: true,
  },
  file_changed: { permanent: true, advice: 'Look at the remote file, which is left alone.' },

  // running
  run_unknown: {
    permanent: true,
    advice:
      'Report the archive again as a new run: the database is older or newer than the workflow, or another one.',
  },
  no_worker_for_queue: { permanent: true, advice: 'Start the worker that serves this archive_task_queue.' },
  no_progress: { permanent: true, advice: 'Mend the cause, then re-upload.' },
  database_unavailable: {
    permanent: false,
    advice: 'Check PostgreSQL; uploads go on when it is back.',
  },
  worker_lost: {
    permanent: false,
    advice: 'Wait; another worker goes on. Where it stays so, look at the log of the workers.',
    heals: true,
  },
  cancelled: { permanent: true, advice: 'Re-upload, if the copy is wanted.' },
  internal_error: { permanent: false, advice: 'Please report this fault of the program, with its log.' },
} as const satisfies Record<string, ErrorRule>

export type ErrorCode = keyof typeof rules

export const ERROR_RULES: Readonly<Record<ErrorCode, ErrorRule>> = rules

export const ERROR_CODES = Object.keys(rules) as readonly ErrorCode[]

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(rules, value)
}

/** True when an upload that met this error is tried again. */
export function isRetryable(code: ErrorCode): boolean {
  return !rules[code].permanent
}

/** The advice for a code as it was stored or sent; one that this version does not know is a fault of the program. */
export function adviceOf(code: string): string {
  return rules[isErrorCode(code) ? code : 'internal_error'].advice
}
