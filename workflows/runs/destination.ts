// The state of one destination, and how it reads for a person in the Temporal Web UI.

import type {
  CloudSyncStatus,
  DestinationState,
  ProviderKind,
  RetentionResult,
  RetentionScope,
} from '../types.ts'

/** What a sync needs to know of one destination; IDs and names only, no credential. */
export type Destination = {
  readonly account_id: string
  readonly binding_id: string
  /** Name of the account. */
  readonly account: string
  readonly provider: ProviderKind
  /** The binding's folder, placeholders filled in. */
  readonly folder: string
  readonly keep_last: number | null
  readonly retention_scope: RetentionScope
}

export function pendingState(destination: Destination): DestinationState {
  return {
    account: destination.account,
    provider: destination.provider,
    binding_id: destination.binding_id,
    status: 'pending',
    error: null,
    remote_path: null,
    remote_id: null,
    size: null,
    bytes_sent: 0,
    hash: null,
    attempt: 0,
    started_at: null,
    finished_at: null,
    retention: null,
  }
}

const MARKS = {
  pending: '…',
  uploading: '↑',
  retrying: '↻',
  uploaded: '✓',
  failed: '✗',
  cancelled: '⊘',
} as const

/** One line of Markdown: '✓ **Drive EU** (google_drive): uploaded, 1.5 GiB, /odoo-backups/acme/x.dump'. */
export function describeDestination(state: DestinationState): string {
  const parts: string[] = [state.status]
  if (state.size !== null && state.status !== 'uploaded') {
    const percent =
      state.size === 0 ? 0 : Math.floor((100 * Math.min(state.bytes_sent, state.size)) / state.size)
    parts.push(`${percent} % of ${formatBytes(state.size)}`)
  } else if (state.size !== null) parts.push(formatBytes(state.size))
  if (state.remote_path !== null) parts.push(`\`${state.remote_path}\``)
  const deleted = state.retention === null ? 0 : deletedCount(state.retention)
  if (deleted > 0) parts.push(`${deleted} old deleted`)
  if (state.error !== null) parts.push(state.error.message)
  return `${MARKS[state.status]} **${state.account}** (${state.provider}): ${parts.join(', ')}`
}

/** How many files a prune deleted; `deleted` names a hundred at most. */
export function deletedCount(retention: RetentionResult): number {
  return retention.deleted_count ?? retention.deleted.length
}

export function describeDestinations(status: CloudSyncStatus): string {
  const lines = Object.values(status).map((state) => `- ${describeDestination(state)}`)
  return lines.length === 0 ? 'No destination is bound to this instance.' : lines.join('\n')
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** IEC units, three significant digits: 1536 → '1.50 KiB'. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // A value that would be written as 1024 belongs to the next unit.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0
  return `${value.toFixed(digits)} ${UNITS[unit] ?? 'B'}`
}
