// The files and folders of one Dropbox: paths without regard to case, IDs and revisions, conflicts as mode 'add' has
// them, quota, and the shared space of a team in which the member's home is one folder.

import { randomBytes } from 'node:crypto'
import { conflict } from './refusals.ts'
import type { Content } from './stored-content.ts'

export type FolderEntry = { readonly kind: 'folder'; readonly id: string; readonly path: string }
export type FileEntry = {
  readonly kind: 'file'
  readonly id: string
  readonly path: string
  readonly rev: string
  readonly content: Content
  readonly serverModified: string
  readonly clientModified: string
}
export type Entry = FolderEntry | FileEntry

export type WriteRefusal = { readonly refused: string }

export interface Namespace {
  get(path: string): Entry | undefined
  byId(id: string): Entry | undefined
  /** Entries in the folder (or below it), in no promised order. */
  list(path: string, isRecursive: boolean): readonly Entry[]
  all(): readonly Entry[]
  /** Takes an entry of another namespace as it is. */
  adopt(entry: Entry | WriteRefusal): void
  /** Makes the folder and its parents. */
  makeFolder(path: string): FolderEntry | WriteRefusal
  /** Writes as mode 'add' or 'overwrite' does; the tags of a WriteError when refused. */
  write(path: string, content: Content, options: WriteOptions): FileEntry | WriteRefusal
  remove(path: string): void
  used(): number
  quota: number
}

export type WriteOptions = {
  readonly mode: 'add' | 'overwrite'
  readonly autorename: boolean
  readonly strictConflict: boolean
  readonly clientModified?: string | undefined
  readonly at?: string | undefined
}

const DISALLOWED =
  /^(desktop\.ini|thumbs\.db|\.ds_store|icon\r|\.dropbox|\.dropbox\.attr|\.dropbox\.cache|~\$.*|\.~.*|~.*\.tmp)$/i

export function createNamespace(options: {
  readonly quota: number
  /** May an entry be made directly at the top? */
  readonly isTopOpen: boolean
  readonly now: () => number
}): Namespace {
  const entries = new Map<string, Entry>()
  const ids = new Map<string, string>()
  let revisions = 0x5a0000000
  const put = <E extends Entry>(entry: E): E => {
    entries.set(entry.path.toLowerCase(), entry)
    ids.set(entry.id, entry.path.toLowerCase())
    return entry
  }
  const newId = () => `id:${randomBytes(16).toString('base64url')}`
  const nameRefusal = (path: string): string | undefined => {
    const names = path.split('/').slice(1)
    if (names.some((name) => name === '' || name.length > 255 || /[\\\p{Cc}]/u.test(name)))
      return 'malformed_path'
    if (names.some((name) => / $/.test(name) || name === '.' || name === '..')) return 'malformed_path'
    if (names.some((name) => DISALLOWED.test(name))) return 'disallowed_name'
    if (!options.isTopOpen && names.length === 1 && !entries.has(path.toLowerCase()))
      return 'no_write_permission'
    return undefined
  }
  const makeFolder = (path: string): FolderEntry | WriteRefusal => {
    const standing = entries.get(path.toLowerCase())
    if (standing?.kind === 'folder') return standing
    if (standing) return { refused: 'conflict/file_ancestor' }
    const refused = nameRefusal(path)
    if (refused) return { refused }
    const parent = path.slice(0, path.lastIndexOf('/'))
    const above = parent === '' ? undefined : makeFolder(parent)
    if (above && 'refused' in above) return above
    const base = above?.path ?? ''
    return put({ kind: 'folder', id: newId(), path: base + path.slice(path.lastIndexOf('/')) })
  }
  const namespace: Namespace = {
    quota: options.quota,
    get: (path) => entries.get(path.toLowerCase()),
    byId: (id) => {
      const path = ids.get(id)
      const entry = path === undefined ? undefined : entries.get(path)
      return entry?.id === id ? entry : undefined
    },
    all: () => [...entries.values()],
    list: (path, isRecursive) => {
      const prefix = `${path.toLowerCase()}/`
      return [...entries].flatMap(([key, entry]) => {
        const isBelow = key.startsWith(prefix) && key.length > prefix.length
        return isBelow && (isRecursive || !key.slice(prefix.length).includes('/')) ? [entry] : []
      })
    },
    adopt: (entry) => {
      if (!('refused' in entry)) put(entry)
    },
    makeFolder,
    write: (path, content, how) => {
      const refused = nameRefusal(path)
      if (refused) return { refused }
      const parent = path.slice(0, path.lastIndexOf('/'))
      const above = parent === '' ? undefined : makeFolder(parent)
      if (above && 'refused' in above) return above
      const standing = entries.get(path.toLowerCase())
      if (standing?.kind === 'folder') return { refused: 'conflict/folder' }
      if (standing && how.mode === 'add') {
        if (standing.content.hash === content.hash && !how.strictConflict) return standing
        if (!how.autorename) return { refused: 'conflict/file' }
        return namespace.write(path.replace(/(\.[^./]*)?$/, ' (1)$1'), content, how)
      }
      if (namespace.used() - (standing?.content.size ?? 0) + content.size > namespace.quota) {
        return { refused: 'insufficient_space' }
      }
      revisions += 1
      const at = how.at ?? new Date(options.now()).toISOString()
      const seconds = `${at.slice(0, 19)}Z`
      return put({
        kind: 'file',
        id: standing?.id ?? newId(),
        path: (above?.path ?? '') + path.slice(path.lastIndexOf('/')),
        rev: revisions.toString(16).padStart(15, '0'),
        content,
        serverModified: seconds,
        clientModified: how.clientModified ?? seconds,
      })
    },
    remove: (path) => {
      const key = path.toLowerCase()
      for (const below of [...entries.keys()]) {
        if (below === key || below.startsWith(`${key}/`)) entries.delete(below)
      }
    },
    used: () =>
      [...entries.values()].reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.content.size : 0), 0),
  }
  return namespace
}

/** Resolves what a call names: '', '/path' or 'id:…'; the path of a missing entry is given back as null. */
export function lookUp(namespace: Namespace, named: string, prefix: string): Entry | null {
  if (named.startsWith('id:')) return namespace.byId(named) ?? null
  if (named !== '' && !named.startsWith('/')) throw conflict('path/malformed_path')
  // The real one takes doubled slashes as one.
  return namespace.get(prefix + named.replace(/\/+/g, '/').replace(/\/$/, '')) ?? null
}
