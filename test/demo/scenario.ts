// What the demo plays: two instances, three accounts, six bindings, three backups of today, and the older copies that
// retention finds. Data, and the names and counts that follow from it.

import type { ProviderKind } from '../../workflows/types.ts'
import type { ArchiveKind } from './archives/index.ts'

const DAY_MS = 86_400_000
const MiB = 1024 ** 2

export type DemoAccount = { readonly name: string; readonly provider: ProviderKind }

export type DemoBinding = {
  readonly provider: ProviderKind
  /** Null keeps all. */
  readonly keepLast: number | null
  /** Copies of the days before that are there already. */
  readonly older: number
}

export type DemoBackup = { readonly kind: ArchiveKind; readonly bytes: number }

export type DemoInstance = {
  readonly slug: string
  readonly name: string
  readonly bindings: readonly DemoBinding[]
  readonly backups: readonly DemoBackup[]
}

export const ACCOUNTS: readonly DemoAccount[] = [
  { name: 'Google Drive', provider: 'google_drive' },
  { name: 'Dropbox', provider: 'dropbox' },
  { name: 'OneDrive', provider: 'onedrive' },
]

export const INSTANCES: readonly DemoInstance[] = [
  {
    slug: 'acme',
    name: 'Acme, production',
    bindings: [
      { provider: 'google_drive', keepLast: 3, older: 5 },
      { provider: 'dropbox', keepLast: 4, older: 4 },
      { provider: 'onedrive', keepLast: null, older: 2 },
    ],
    backups: [
      { kind: 'zip', bytes: 48 * MiB },
      { kind: 'dump', bytes: 40 * MiB },
    ],
  },
  {
    slug: 'globex',
    name: 'Globex, web shop',
    bindings: [
      { provider: 'google_drive', keepLast: null, older: 1 },
      { provider: 'dropbox', keepLast: 3, older: 5 },
      { provider: 'onedrive', keepLast: 2, older: 3 },
    ],
    backups: [{ kind: 'tar.gz', bytes: 44 * MiB }],
  },
]

/** A file that is no archive: retention neither counts nor deletes it. */
export const BYSTANDER = 'how-to-restore.txt'

/** Folder of an instance below each account's root: the default of a binding's remote_path. */
export function remoteFolder(slug: string): string {
  return `/odoo-backups/${slug}`
}

/** 'prod_11-23.tar.gz' */
export function archiveName(kind: ArchiveKind, at: Date): string {
  return `prod_${at.toISOString().slice(5, 10)}.${kind}`
}

export function databaseOf(slug: string): string {
  return `${slug}_prod`
}

export type OlderCopy = { readonly name: string; readonly uploadedAt: Date }

/** The older copies of a binding, one per day, newest first. */
export function olderCopies(instance: DemoInstance, binding: DemoBinding, now: Date): readonly OlderCopy[] {
  const kind = instance.backups[0]?.kind ?? 'zip'
  return Array.from({ length: binding.older }, (_, index) => {
    const uploadedAt = new Date(now.getTime() - (index + 1) * DAY_MS)
    return { name: archiveName(kind, uploadedAt), uploadedAt }
  })
}

/** Names of the archives that must be in a binding's folder in the end, sorted. */
export function namesInTheEnd(instance: DemoInstance, binding: DemoBinding, now: Date): readonly string[] {
  const names = [
    ...instance.backups.map(({ kind }) => archiveName(kind, now)),
    ...olderCopies(instance, binding, now).map((copy) => copy.name),
  ]
  return names.slice(0, binding.keepLast ?? names.length).sort()
}
