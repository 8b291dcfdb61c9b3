// The status of a run, from those of its destinations (docs/design.md, rule 1).

import type { CloudStatus, CloudSyncStatus } from '../types.ts'

/** The first of pending, failed, cancelled, uploaded that any destination has; `none` without a destination. */
export function cloudStatusOf(destinations: CloudSyncStatus): CloudStatus {
  const statuses = new Set(Object.values(destinations).map(({ status }) => status))
  if (statuses.size === 0) return 'none'
  if (statuses.has('pending') || statuses.has('uploading') || statuses.has('retrying')) return 'pending'
  if (statuses.has('failed')) return 'failed'
  return statuses.has('cancelled') ? 'cancelled' : 'uploaded'
}
