// Folders below the account's own one. Drive allows several folders of one name, and its search lags behind what was just
// made. So each upload searches, makes a folder, searches again and takes the oldest: all uploads choose the same one. A newer
// empty twin stays where it is: an upload with an older search result may be sending into it.

import { abortable } from '../../http/abortable.ts'
import { ProviderError, type RemoteFolder } from '../provider.ts'
import type { DriveApi } from './api.ts'
import { byAge, type DriveFile, FILE_FIELDS, FOLDER_TYPE, fileSchema } from './files.ts'
import { generateId, readItem } from './items.ts'
import type { Listing } from './listing.ts'
import { quoted } from './names.ts'
import type { RootFolder } from './root-folder.ts'

export interface Folders {
  ensure(path: string, signal: AbortSignal): Promise<RemoteFolder>
  find(path: string, signal: AbortSignal): Promise<RemoteFolder | null>
}

export function createFolders(
  api: DriveApi,
  listing: Listing,
  rootOf: (signal: AbortSignal) => Promise<RootFolder>,
): Folders {
  /** IDs under which folders were (or may have been) made here: the search does not show them for a while. */
  const made = new Map<string, string>()
  /** At most one creation per path at a time in this process. */
  const underway = new Map<string, Promise<string>>()

  const madeHere = async (key: string, signal: AbortSignal): Promise<DriveFile | null> => {
    const id = made.get(key)
    if (id === undefined) return null
    const folder = await readItem(api, id, signal)
    return folder === null || folder.trashed === true ? null : folder
  }

  const existing = async (parentId: string, name: string, signal: AbortSignal): Promise<string | null> => {
    const [oldest] = await childrenNamed(listing, parentId, name, signal)
    return (oldest ?? (await madeHere(`${parentId}/${name}`, signal)))?.id ?? null
  }

  const make = async (parentId: string, name: string, signal: AbortSignal): Promise<DriveFile> => {
    const id = await generateId(api, signal)
    if (id !== null) made.set(`${parentId}/${name}`, id)
    try {
      return await createFolder(api, { parentId, name, id }, signal)
    } catch (cause) {
      // Whether shared drives take generated IDs is not documented. Without an ID, Drive chooses one.
      if (!(cause instanceof ProviderError) || cause.httpStatus !== 400) throw cause
      return await createFolder(api, { parentId, name, id: null }, signal)
    }
  }

  const ensureChild = async (parentId: string, name: string, signal: AbortSignal): Promise<string> => {
    const known = await existing(parentId, name, signal)
    if (known !== null) return known
    const own = await make(parentId, name, signal)
    made.set(`${parentId}/${name}`, own.id)
    const [oldest = own] = [...(await childrenNamed(listing, parentId, name, signal)), own].toSorted(byAge)
    return oldest.id
  }

  const ensureOnce = async (parentId: string, name: string, signal: AbortSignal): Promise<string> => {
    const key = `${parentId}/${name}`
    const before = underway.get(key)
    if (before !== undefined) {
      // Whatever became of the other one, it is looked up again: its signal and its failure are not ours.
      await abortable(() => Promise.allSettled([before]), signal)
      return ensureOnce(parentId, name, signal)
    }
    const own = ensureChild(parentId, name, signal).finally(() => underway.delete(key))
    underway.set(key, own)
    return await own
  }

  return {
    ensure: async (path, signal) => {
      let id = (await rootOf(signal)).id
      for (const name of segments(path)) id = await ensureOnce(id, name, signal)
      return { id, path }
    },
    find: async (path, signal) => {
      let id = (await rootOf(signal)).id
      for (const name of segments(path)) {
        const child = await existing(id, name, signal)
        if (child === null) return null
        id = child
      }
      return { id, path }
    },
  }
}

function segments(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '')
}

/** The oldest one comes first. */
async function childrenNamed(
  listing: Listing,
  parentId: string,
  name: string,
  signal: AbortSignal,
): Promise<readonly DriveFile[]> {
  const query = `${quoted(parentId)} in parents and name = ${quoted(name)} and mimeType = '${FOLDER_TYPE}' and trashed = false`
  const found = await listing.find(query, signal)
  return found.filter((folder) => folder.name === name).toSorted(byAge)
}

function createFolder(
  api: DriveApi,
  folder: { readonly parentId: string; readonly name: string; readonly id: string | null },
  signal: AbortSignal,
): Promise<DriveFile> {
  const requestBody = {
    name: folder.name,
    mimeType: FOLDER_TYPE,
    parents: [folder.parentId],
    ...(folder.id === null ? {} : { id: folder.id }),
  }
  return api.call(
    (library, options) =>
      library.files.create({ requestBody, fields: FILE_FIELDS, supportsAllDrives: true }, options),
    fileSchema,
    signal,
  )
}
