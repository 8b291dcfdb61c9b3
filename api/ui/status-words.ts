// The words and looks of states, the same on every page.

import type { Run } from '../../db/schema.ts'
import type { DeletedCopy } from '../../db/uploads/deleted-copies.ts'
import type { CloudStatus, DestinationState, DestinationStatus, ProviderKind } from '../../workflows/types.ts'
import { percent } from './formats.ts'
import { type IconName, icon } from './icons.ts'
import { html, type Markup } from './markup.ts'

export const PROVIDER_NAMES: Readonly<Record<ProviderKind, string>> = {
  google_drive: 'Google Drive',
  dropbox: 'Dropbox',
  onedrive: 'OneDrive',
}

type Kind = 'success' | 'warning' | 'danger' | 'none'
type Look = { readonly label: string; readonly icon: IconName; readonly kind: Kind }

export const DESTINATION_LOOKS: Readonly<Record<DestinationStatus, Look>> = {
  pending: { label: 'pending', icon: 'retry', kind: 'none' },
  uploading: { label: 'uploading', icon: 'retry', kind: 'none' },
  retrying: { label: 'retrying', icon: 'retry', kind: 'warning' },
  uploaded: { label: 'uploaded', icon: 'check', kind: 'success' },
  failed: { label: 'failed', icon: 'cross', kind: 'danger' },
  cancelled: { label: 'cancelled', icon: 'stop', kind: 'none' },
}

export const RUN_LOOKS: Readonly<Record<CloudStatus, Look>> = {
  uploaded: { label: 'uploaded', icon: 'check', kind: 'success' },
  failed: { label: 'failed', icon: 'cross', kind: 'danger' },
  cancelled: { label: 'cancelled', icon: 'stop', kind: 'none' },
  pending: { label: 'in progress', icon: 'retry', kind: 'none' },
  none: { label: 'no binding', icon: 'dash', kind: 'none' },
}

/** An open run says which of its destinations have failed already. */
export function runLook(run: Pick<Run, 'cloud_status' | 'cloud_sync_status'>): Look {
  const look = RUN_LOOKS[run.cloud_status]
  const failed = run.cloud_status === 'pending' ? failedCount(run) : 0
  return failed === 0 ? look : { ...look, label: `${look.label}, ${failed} failed`, kind: 'warning' }
}

/** How many destinations of the run have failed. */
export function failedCount(run: Pick<Run, 'cloud_sync_status'>): number {
  return Object.values(run.cloud_sync_status).filter(({ status }) => status === 'failed').length
}

/** When retention deleted the copy of this destination; null when it did not. */
export function deletedAt(
  copies: readonly DeletedCopy[],
  runId: string,
  accountId: string,
  { status, remote_id }: Pick<DestinationState, 'status' | 'remote_id'>,
): string | null {
  if (status !== 'uploaded') return null
  const copy = copies.find(
    (one) => one.run_id === runId && one.account_id === accountId && one.remote_id === remote_id,
  )
  return copy?.deleted_at ?? null
}

/** A state as a coloured label. */
export function pill(look: Look): Markup {
  return html`<span data-component="pill" data-kind="${look.kind}">${icon(look.icon)}${look.label}</span>`
}

/** The provider's name in its colour. */
export function providerTag(provider: ProviderKind): Markup {
  return html`<span data-component="provider" data-provider="${provider}">${PROVIDER_NAMES[provider]}</span>`
}

/** Sorted by the account's name, so that every run shows them in the same order. */
export function destinationsOf(
  run: Pick<Run, 'cloud_sync_status'>,
): readonly (readonly [string, DestinationState])[] {
  return Object.entries(run.cloud_sync_status).sort(([, a], [, b]) => a.account.localeCompare(b.account))
}

/** Null when nothing is being sent, or the size is unknown. */
export function shareSent({ bytes_sent, size }: DestinationState): number | null {
  return size === null || bytes_sent === 0 ? null : percent(bytes_sent, size)
}

/** 'acme.dump' of 'acme/acme.dump'. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
