// Folders below the account's own one. Drive allows several of one name, and its search lags behind what was just made:
// so one looks, makes, looks again and settles on the oldest, and everybody comes to the same one. A newer empty twin is
// left where it is: somebody with an older search result may be uploading into it.

import { z } from 'zod'
import { abortable } from '../../http/abortable.ts'
import { ProviderError, type RemoteFolder } from '../provider.ts'
import type { DriveApi } from './api.ts'
import { byAge, type DriveFile, FILE_FIELDS, FOLDER_TYPE, fileSchema } from './files.ts'
import type { Listing } from './listing.ts'
import { quoted } from './names.ts'

const rootSchema = z.object({
  id: z.string(),
  name: z.string(),
  mimeType: z.string(),
  driveId: z.string().optional(),
  trashed: z.boolean().optional(),
  capabilities: z
    .object({
      canAddChildren: z.boolean().optional(),
      canListChildren: z.boolean().optional(),
      canTrashChildren: z.boolean().optional(),
      canDeleteChildren: z.boolean().optional(),
    })
    .default({}),
})
export type RootFolder = z.infer<typeof rootSchema>

const idsSchema = z.object({ ids: z.array(z.string().min(1)).min(1) })

/** An ID that one creation alone can use: a repeated creation is answered 409, and makes no second item. */
export async function generateId(api: DriveApi, signal: AbortSignal): Promise<string | null> {
  const answer = api.call(
    (library, options) => library.files.generateIds({ count: 1, space: 'drive', type: 'files' }, options),
    idsSchema,
    signal,
  )
  try {
    const [id] = (await answer).ids
    if (id === undefined) throw new ProviderError('unexpected_answer', 'Google Drive gave no file ID.')
    return id
  } catch (cause) {
    // A gateway without this call: Drive chooses the ID then, and the file is known by its marks.
    if (cause instanceof ProviderError && isUnknownCall(cause.httpStatus)) return null
    throw cause
  }
}

function isUnknownCall(status: number | undefined): boolean {
  return status === 404 || status === 405 || status === 501
}

/** The account's folder as it is now. Throws `folder_missing` or `account_misconfigured`. */
export async function readRoot(api: DriveApi, folderId: string, signal: AbortSignal): Promise<RootFolder> {
  const root = await api
    .call(
      (library, options) =>
        library.files.get(
          {
            fileId: folderId,
            fields:
              'id,name,mimeType,driveId,trashed,capabilities(canAddChildren,canListChildren,canTrashChildren,canDeleteChildren)',
            supportsAllDrives: true,
          },
          options,
        ),
      rootSchema,
      signal,
    )
    .catch((cause: unknown) => {
      if (!(cause instanceof ProviderError) || cause.httpStatus !== 404) throw cause
      const who = api.auth.email ?? 'the service account'
      const message = `Google Drive does not find the folder, or it is not shared with ${who}.`
      throw new ProviderError('folder_missing', message, { httpStatus: 404 })
    })
  if (root.mimeType !== FOLDER_TYPE) {
    throw new ProviderError(
      'account_misconfigured',
      'The setting "folder_id" names no folder (a file, a document or a shortcut).',
      { advice: 'Enter the ID of a folder.' },
    )
  }
  if (root.trashed === true)
    throw new ProviderError('folder_missing', `The folder "${root.name}" lies in the trash.`, {
      advice: 'Take the folder out of the trash, or choose another one.',
    })
  return root
}

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
  /** One creation of a path at a time in this process. */
  const underway = new Map<string, Promise<string>>()

  const childrenNamed = async (
    parentId: string,
    name: string,
    signal: AbortSignal,
  ): Promise<readonly DriveFile[]> => {
    const query = `${quoted(parentId)} in parents and name = ${quoted(name)} and mimeType = '${FOLDER_TYPE}' and trashed = false`
    const found = await listing.find(query, signal)
    return found.filter((folder) => folder.name === name).toSorted(byAge)
  }

  const madeHere = async (key: string, signal: AbortSignal): Promise<DriveFile | null> => {
    const id = made.get(key)
    if (id === undefined) return null
    const folder = await readItem(api, id, signal)
    return folder === null || folder.trashed === true ? null : folder
  }

  const existing = async (parentId: string, name: string, signal: AbortSignal): Promise<string | null> => {
    const [oldest] = await childrenNamed(parentId, name, signal)
    return (oldest ?? (await madeHere(`${parentId}/${name}`, signal)))?.id ?? null
  }

  const make = async (parentId: string, name: string, signal: AbortSignal): Promise<DriveFile> => {
    const create = (id: string | null) =>
      api.call(
        (library, options) =>
          library.files.create(
            {
              requestBody: {
                name,
                mimeType: FOLDER_TYPE,
                parents: [parentId],
                ...(id === null ? {} : { id }),
              },
              fields: FILE_FIELDS,
              supportsAllDrives: true,
            },
            options,
          ),
        fileSchema,
        signal,
      )
    const id = await generateId(api, signal)
    if (id !== null) made.set(`${parentId}/${name}`, id)
    try {
      return await create(id)
    } catch (cause) {
      // Where IDs of our own are not taken (not settled for shared drives), Drive chooses.
      if (cause instanceof ProviderError && cause.httpStatus === 400) return await create(null)
      throw cause
    }
  }

  const ensureChild = async (parentId: string, name: string, signal: AbortSignal): Promise<string> => {
    const known = await existing(parentId, name, signal)
    if (known !== null) return known
    const own = await make(parentId, name, signal)
    made.set(`${parentId}/${name}`, own.id)
    const [oldest = own] = [...(await childrenNamed(parentId, name, signal)), own].toSorted(byAge)
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

/** An item by its ID, which is always up to date; null when there is none. */
export async function readItem(api: DriveApi, id: string, signal: AbortSignal): Promise<DriveFile | null> {
  try {
    return await api.call(
      (library, options) =>
        library.files.get({ fileId: id, fields: FILE_FIELDS, supportsAllDrives: true }, options),
      fileSchema,
      signal,
    )
  } catch (cause) {
    if (cause instanceof ProviderError && cause.httpStatus === 404) return null
    throw cause
  }
}

function segments(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '')
}
