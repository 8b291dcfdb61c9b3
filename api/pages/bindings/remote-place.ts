// Where the copies of a binding lie, in full: the folder as its provider knows it, with the account's own path in front,
// and whose folder or drive it is in.

import type { Account } from '../../../db/accounts/accounts.ts'
import type { Binding } from '../../../db/schema.ts'
import { DATABASE_PLACEHOLDER, resolveFolder } from '../../../workflows/archives/remote-folder.ts'
import { html, type Markup } from '../../ui/markup.ts'

export type RemotePlace = {
  /** Begins and ends with a slash. */
  readonly path: string
  /** Whose folder or drive the path begins in; null when that is unknown. */
  readonly of: { readonly account: string; readonly root: string | null; readonly rootId: string } | null
  /** True when the usual folder appears twice in the path, which nobody wants. */
  readonly isNested: boolean
}

const ROOTS = {
  google_drive: 'in the folder',
  dropbox: null,
  onedrive: { user: 'in the OneDrive of', site_id: 'at the SharePoint site', drive_id: 'in the drive' },
} as const

/** `database` null: the run's database is not known yet. */
export function remotePlace(
  { name, provider, settings }: Pick<Account, 'name' | 'provider' | 'settings'>,
  of: Pick<Binding, 'remote_path' | 'instance_slug'> & { readonly database: string | null },
): RemotePlace {
  const { remote_path, instance_slug, database } = of
  const below = resolveFolder(remote_path, instance_slug, database ?? DATABASE_PLACEHOLDER) ?? remote_path
  const base = typeof settings.remote_path === 'string' ? settings.remote_path.replace(/\/+$/, '') : ''
  const [root, rootId] = provider === 'onedrive' ? driveOf(settings.drive) : rootOf(provider, settings)
  return {
    path: `${base}${below}/`.replace(/\/+$/, '/'),
    of: { account: name, root, rootId },
    isNested: /\/odoo-backups$/i.test(base) && /^\/odoo-backups(\/|$)/i.test(below),
  }
}

function rootOf(provider: 'google_drive' | 'dropbox', { folder_id }: Account['settings']) {
  return [ROOTS[provider], typeof folder_id === 'string' ? folder_id : ''] as const
}

function driveOf(drive: unknown): readonly [string | null, string] {
  const [kind, id] = Object.entries(drive ?? {})[0] ?? []
  const known = Object.entries(ROOTS.onedrive).find(([name]) => name === kind)
  return known === undefined || typeof id !== 'string' ? [null, ''] : [known[1], id]
}

/** The folder, with its account and the drive that it begins in. */
export function placeText({ path, of }: RemotePlace): Markup {
  if (of === null) return html`<code>${path}</code>`
  const root = of.root === null ? null : html` ${of.root} <code>${of.rootId}</code>`
  return html`<code>${of.account}: ${path}</code>${root}`
}
