// The drives of an emulated tenant: trees of files and folders whose names differ in more than case, a recycle bin that
// counts against the quota, and an eTag for every change.

import { randomBytes, randomUUID } from 'node:crypto'
import { createQuickXorHash } from '../../../activities/archives/hashes/quickxorhash.ts'
import type { StoredFile } from '../cloud-double.ts'
import { refuse } from './graph-error.ts'

export type Maker = { readonly application: string } | { readonly user: string }

export type Item = {
  readonly id: string
  readonly guid: string
  readonly drive: Drive
  readonly kind: 'file' | 'folder'
  name: string
  parent: Item | null
  readonly children: Map<string, Item>
  size: number
  /** Null for a file without bytes, which has no hash. */
  hash: string | null
  content: Buffer | null
  readonly createdMs: number
  readonly maker: Maker
  fileSystemInfo: Record<string, string>
  version: number
  isLocked: boolean
  isHeld: boolean
  /** How often the file was shown before its hash is ready. */
  readsUntilHash: number
}

export type Drive = {
  readonly id: string
  readonly driveType: 'business' | 'documentLibrary'
  readonly webUrl: string
  /** Host that takes the fragments, and the path before `_api`. */
  readonly host: string
  readonly prefix: string
  readonly owner: Readonly<Record<string, unknown>>
  readonly root: Item
  readonly items: Map<string, Item>
  readonly bin: Item[]
}

export type Content = { readonly size: number; readonly hash: string; readonly content: Buffer | null }

export interface DriveWorld {
  readonly drives: ReadonlyMap<string, Drive>
  addDrive(about: Pick<Drive, 'driveType' | 'webUrl' | 'host' | 'prefix' | 'owner'>): Drive
  child(parent: Item, name: string): Item | undefined
  addFolder(parent: Item, name: string, maker: Maker): Item
  addFile(parent: Item, name: string, content: Content, maker: Maker, createdMs?: number): Item
  replaceContent(item: Item, content: Content): void
  rename(item: Item, name: string): void
  toBin(item: Item): void
  purge(item: Item): void
  /** Bytes in use, the recycle bin among them. */
  used(drive: Drive): number
  quotaTotal: number
  checkRoom(drive: Drive, bytes: number): void
  files(drive: Drive, folderPath: string): readonly StoredFile[]
  folderAt(drive: Drive, path: string, maker: Maker): Item
}

export function createDriveWorld(now: () => number, readsUntilHash: number): DriveWorld {
  const drives = new Map<string, Drive>()

  function newItem(
    drive: Drive,
    parent: Item | null,
    name: string,
    kind: Item['kind'],
    maker: Maker,
    createdMs: number,
  ): Item {
    const item: Item = {
      id: `01${base32(32)}`,
      guid: randomUUID().toUpperCase(),
      drive,
      kind,
      name,
      parent,
      children: new Map(),
      size: 0,
      hash: null,
      content: null,
      createdMs,
      maker,
      fileSystemInfo: {},
      version: 1,
      isLocked: false,
      isHeld: false,
      readsUntilHash,
    }
    parent?.children.set(name.toLowerCase(), item)
    drive.items.set(item.id, item)
    return item
  }

  function drop(item: Item): void {
    item.parent?.children.delete(item.name.toLowerCase())
    for (const below of [...item.children.values()]) drop(below)
    item.drive.items.delete(item.id)
  }

  const world: DriveWorld = {
    drives,
    quotaTotal: 2 ** 40,
    addDrive: (about) => {
      const drive: Drive = {
        ...about,
        id: `b!${randomBytes(48).toString('base64url')}`,
        items: new Map(),
        bin: [],
        get root() {
          return root
        },
      }
      const root = newItem(drive, null, 'root', 'folder', { user: 'system' }, now())
      drives.set(drive.id, drive)
      return drive
    },
    child: (parent, name) => parent.children.get(name.toLowerCase()),
    addFolder: (parent, name, maker) => newItem(parent.drive, parent, name, 'folder', maker, now()),
    addFile: (parent, name, content, maker, createdMs = now()) => {
      const item = newItem(parent.drive, parent, name, 'file', maker, createdMs)
      fill(item, content)
      return item
    },
    replaceContent: (item, content) => {
      fill(item, content)
      item.version += 1
    },
    rename: (item, name) => {
      item.parent?.children.delete(item.name.toLowerCase())
      item.name = name
      item.parent?.children.set(name.toLowerCase(), item)
      item.version += 1
    },
    toBin: (item) => {
      drop(item)
      item.drive.bin.push(item)
    },
    purge: drop,
    used: (drive) => {
      const living = [...drive.items.values()].reduce((sum, item) => sum + item.size, 0)
      return drive.bin.reduce((sum, item) => sum + item.size, living)
    },
    checkRoom: (drive, bytes) => {
      if (world.used(drive) + bytes <= world.quotaTotal) return
      throw refuse(507, 'insufficientStorage', 'Insufficient Space Available', ['quotaLimitReached'])
    },
    files: (drive, folderPath) => {
      const below = folderPath === '/' ? '/' : `${folderPath.replace(/\/$/, '')}/`
      return [...drive.items.values()]
        .filter((item) => item.kind === 'file')
        .map(storedFile)
        .filter((file) => file.path.toLowerCase().startsWith(below.toLowerCase()))
    },
    folderAt: (drive, path, maker) => {
      let folder = drive.root
      for (const name of path.split('/').filter((segment) => segment !== '')) {
        folder = world.child(folder, name) ?? world.addFolder(folder, name, maker)
      }
      return folder
    },
  }
  return world
}

export function contentOf(bytes: Buffer, keepsContent: boolean): Content {
  const hash = createQuickXorHash()
  hash.update(bytes)
  return { size: bytes.byteLength, hash: hash.digest(), content: keepsContent ? bytes : null }
}

export function storedFile(item: Item): StoredFile {
  return {
    id: item.id,
    path: pathOf(item),
    size: item.size,
    hashes: item.hash === null ? [] : [{ algorithm: 'quickxorhash', value: item.hash }],
    uploaded_at: new Date(item.createdMs).toISOString(),
    content: item.content,
  }
}

/** '/' for the root. */
export function pathOf(item: Item): string {
  if (item.parent === null) return '/'
  return item.parent.parent === null ? `/${item.name}` : `${pathOf(item.parent)}/${item.name}`
}

export function etagOf(item: Item): string {
  return `"{${item.guid}},${item.version}"`
}

function fill(item: Item, content: Content): void {
  item.size = content.size
  item.hash = content.size === 0 ? null : content.hash
  item.content = content.content
}

function base32(length: number): string {
  return Array.from(randomBytes(length), (byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte & 31]).join('')
}
