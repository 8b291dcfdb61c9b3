// The words and looks of states, the same on every page.

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
  pending: { label: 'in progress', icon: 'retry', kind: 'none' },
  none: { label: 'no binding', icon: 'dash', kind: 'none' },
}

export function pill(look: Look): Markup {
  return html`<span data-component="pill" data-kind="${look.kind}">${icon(look.icon)}${look.label}</span>`
}

export function providerTag(provider: ProviderKind): Markup {
  return html`<span data-component="provider" data-provider="${provider}">${PROVIDER_NAMES[provider]}</span>`
}

/** Null when nothing is sent, or the size is not known. */
export function shareSent({ bytes_sent, size }: DestinationState): number | null {
  return size === null || bytes_sent === 0 ? null : percent(bytes_sent, size)
}

/** '/odoo-backups/acme' and 'acme.dump' of a path; what retention or a pin came to is said elsewhere. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
