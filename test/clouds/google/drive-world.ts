// What the emulated Drive holds: a shared drive, a person's My Drive with a folder shared with the service account,
// and who may do what there (docs/providers.md, 1.2, 1.5, 1.6).

import { createHash, randomBytes } from 'node:crypto'
import { notFound, refuse, storageQuotaExceeded } from './drive-error.ts'

export const FOLDER_TYPE = 'application/vnd.google-apps.folder'

/** Role of the service account in the shared drive: Manager, Content manager, Contributor, Viewer. */
export type DriveRole = 'organizer' | 'fileOrganizer' | 'writer' | 'reader'

export type DriveItem = {
  readonly id: string
  name: string
  readonly mimeType: string
  parents: readonly string[]
  /** The shared drive; null in My Drive. */
  readonly driveId: string | null
  readonly owner: string
  /** Put into the trash itself (an item also counts as trashed when a folder above it is). */
  isTrashed: boolean
  readonly createdTime: string
  modifiedTime: string
  content: ItemContent | null
  readonly appProperties: Readonly<Record<string, string>>
  version: number
}

export type ItemContent = {
  readonly size: number
  readonly md5: string
  readonly sha256: string
  readonly headRevisionId: string
  /** Null where the emulator only hashes. */
  bytes: Buffer | null
}

/** The two wordings of a refusal for want of storage. */
const NO_STORAGE =
  'Service Accounts do not have storage quota. Leverage shared drives, or use OAuth delegation instead.'
const FULL = "The user's Drive storage quota has been exceeded."

export type WorldOptions = {
  readonly serviceAccount: string
  readonly person: string
  readonly role: DriveRole
  /** Whether the service account is a member of the shared drive, or was only given the folder. */
  readonly isDriveMember: boolean
  readonly namesServiceAccounts: boolean
  readonly now: () => number
}

export interface DriveWorld {
  readonly items: ReadonlyMap<string, DriveItem>
  readonly driveId: string
  /** The folder in the shared drive. */
  readonly sharedFolderId: string
  /** The folder in the person's My Drive, shared with the service account as editor. */
  readonly myDriveFolderId: string
  /** Bytes that the drives take; null: no limit. */
  quotaBytes: number | null
  newId(): string
  isOwnId(id: string): boolean
  /** Takes an ID that another emulator has generated for one of its own. */
  adoptId(id: string): void
  add(item: Omit<DriveItem, 'version' | 'isTrashed' | 'modifiedTime'>): DriveItem
  remove(id: string): void
  children(folderId: string): readonly DriveItem[]
  isTrashed(item: DriveItem): boolean
  /** The item as this account may see it; throws 404 as Drive does, also where the shared-drive flag is missing. */
  visible(id: string, account: string, supportsAllDrives: boolean): DriveItem
  sees(item: DriveItem, account: string): boolean
  capabilities(item: DriveItem, account: string): Capabilities
  /** Throws unless the account may put an item of this size into the folder. */
  admit(folder: DriveItem, account: string, size: number): void
  usedBytes(driveId: string | null): number
}

export type Capabilities = {
  readonly canAddChildren: boolean
  readonly canListChildren: boolean
  readonly canTrashChildren: boolean
  readonly canDeleteChildren: boolean
  readonly canDelete: boolean
  readonly canTrash: boolean
  readonly canEdit: boolean
}

export function createDriveWorld(options: WorldOptions): DriveWorld {
  const items = new Map<string, DriveItem>()
  const ids = new Set<string>()
  const newId = () => {
    const id = `1${randomBytes(24).toString('base64url')}`
    ids.add(id)
    return id
  }
  const folder = (
    name: string,
    parents: readonly string[],
    driveId: string | null,
    id = newId(),
  ): DriveItem => {
    const createdTime = new Date(options.now()).toISOString()
    const item: DriveItem = {
      ...{ id, name, mimeType: FOLDER_TYPE, parents, driveId, owner: options.person, isTrashed: false },
      ...{ createdTime, modifiedTime: createdTime, content: null, appProperties: {}, version: 1 },
    }
    items.set(id, item)
    return item
  }
  const driveId = `0A${randomBytes(12).toString('base64url')}Uk9PVA`
  folder('Backups drive', [], driveId, driveId)
  const sharedFolder = folder('Odoo', [driveId], driveId)
  const myDrive = folder('My Drive', [], null)
  const myDriveFolder = folder('Odoo (shared)', [myDrive.id], null)

  const isBelow = (item: DriveItem, folderId: string): boolean =>
    item.id === folderId || item.parents.some((id) => isBelow(items.get(id) ?? fail(id), folderId))
  const isTrashed = (item: DriveItem): boolean =>
    item.isTrashed || item.parents.some((id) => isTrashed(items.get(id) ?? fail(id)))
  const roleOf = (item: DriveItem, account: string): DriveRole | null => {
    if (account === options.person) return 'organizer'
    if (account !== options.serviceAccount) return null
    if (item.driveId === null) return isBelow(item, myDriveFolder.id) ? 'writer' : null
    return options.isDriveMember || isBelow(item, sharedFolder.id) ? options.role : null
  }
  const usedBytes = (drive: string | null) => {
    let sum = 0
    for (const item of items.values()) if (item.driveId === drive) sum += item.content?.size ?? 0
    return sum
  }

  const world: DriveWorld = {
    items,
    driveId,
    sharedFolderId: sharedFolder.id,
    myDriveFolderId: myDriveFolder.id,
    quotaBytes: null,
    newId,
    isOwnId: (id) => ids.has(id),
    adoptId: (id) => {
      ids.add(id)
    },
    add: (given) => {
      if (items.has(given.id)) throw refuse(409, 'fileIdInUse', 'A file already exists with the provided ID.')
      const item: DriveItem = { ...given, isTrashed: false, version: 1, modifiedTime: given.createdTime }
      ids.add(item.id)
      items.set(item.id, item)
      return item
    },
    remove: (id) => {
      for (const item of [...items.values()]) if (item.parents.includes(id)) world.remove(item.id)
      items.delete(id)
    },
    children: (folderId) => [...items.values()].filter((item) => item.parents.includes(folderId)),
    isTrashed,
    sees: (item, account) => roleOf(item, account) !== null,
    visible: (id, account, supportsAllDrives) => {
      const item = items.get(id === 'root' && account === options.person ? myDrive.id : id)
      if (item === undefined || roleOf(item, account) === null) throw notFound(id)
      if (item.driveId !== null && !supportsAllDrives) throw notFound(id)
      return item
    },
    capabilities: (item, account) => {
      const role = roleOf(item, account)
      const writes = role === 'organizer' || role === 'fileOrganizer' || role === 'writer'
      const isFolder = item.mimeType === FOLDER_TYPE
      const mayTrash =
        item.driveId === null ? item.owner === account : role === 'organizer' || role === 'fileOrganizer'
      const mayDelete = item.driveId === null ? item.owner === account : role === 'organizer'
      return {
        canAddChildren: isFolder && writes,
        canListChildren: isFolder && role !== null,
        canTrashChildren: isFolder && mayTrash,
        canDeleteChildren: isFolder && mayDelete,
        canDelete: mayDelete && item.id !== driveId,
        canTrash: mayTrash && item.id !== driveId,
        canEdit: writes,
      }
    },
    admit: (parent, account, size) => {
      if (!world.capabilities(parent, account).canAddChildren) {
        throw refuse(
          403,
          'insufficientParentPermissions',
          'Insufficient permissions for the specified parent.',
        )
      }
      if (parent.driveId === null && account === options.serviceAccount && size > 0) {
        throw storageQuotaExceeded(options.namesServiceAccounts ? NO_STORAGE : FULL)
      }
      if (world.quotaBytes !== null && usedBytes(parent.driveId) + size > world.quotaBytes) {
        throw storageQuotaExceeded(FULL)
      }
    },
    usedBytes,
  }
  return world
}

export function contentOf(bytes: Buffer): ItemContent {
  return {
    size: bytes.byteLength,
    md5: createHash('md5').update(bytes).digest('hex'),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    headRevisionId: `0B${randomBytes(18).toString('base64url')}`,
    bytes,
  }
}

function fail(id: string): never {
  throw new Error(`the emulator lost the folder ${id}`)
}
