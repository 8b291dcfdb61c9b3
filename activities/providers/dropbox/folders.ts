// Finding and making folders, files by name or ID, whole listings, and deletion. All paths are taken without regard
// to case by Dropbox; a folder that is missing is 'null' only where a folder was asked for.

import { z } from 'zod'
import { type DeleteOutcome, ProviderError, type RemoteFile, type RemoteFolder } from '../provider.ts'
import { createdFolderSchema, type DropboxEntry, entrySchema, pageSchema, remoteFileOf } from './answers.ts'
import type { DropboxConnection } from './connection/connection.ts'
import { covers, errorOf } from './errors.ts'
import { apiPath, fileIn } from './names.ts'

/** Most entries that Dropbox gives at once. */
const PAGE_ENTRIES = 2000

/** The entry at a path or ID; null when there is none. */
export async function findEntry(
  connection: DropboxConnection,
  path: string,
  signal: AbortSignal,
): Promise<DropboxEntry | null> {
  const answer = await connection.fileCall(
    entrySchema,
    (client, options) => client.filesGetMetadata({ path }, options),
    signal,
  )
  if (answer.ok) return answer.result['.tag'] === 'deleted' ? null : answer.result
  if (covers(answer.failure.reason, 'path/not_found')) return null
  throw errorOf(answer.failure)
}

/** The root has no metadata and is always there. */
const ROOT: RemoteFolder = { id: '', path: '/' }

export async function findFolder(
  connection: DropboxConnection,
  path: string,
  signal: AbortSignal,
): Promise<RemoteFolder | null> {
  if (path === '/') return ROOT
  const entry = await findEntry(connection, path, signal)
  if (entry === null) return null
  if (entry['.tag'] === 'folder') return { id: entry.id, path }
  throw new ProviderError('account_misconfigured', `A file stands where the folder ${path} should be.`, {
    advice: 'Rename that file, or choose another remote path.',
  })
}

/** Makes the folder with all that are missing above it. */
export async function ensureFolder(
  connection: DropboxConnection,
  path: string,
  signal: AbortSignal,
): Promise<RemoteFolder> {
  const found = await findFolder(connection, path, signal)
  if (found) return found
  const answer = await connection.fileCall(
    createdFolderSchema,
    (client, options) => client.filesCreateFolderV2({ path, autorename: false }, options),
    signal,
  )
  if (answer.ok) return { id: answer.result.metadata.id, path }
  // Somebody else made it meanwhile, or our own answer was lost.
  if (covers(answer.failure.reason, 'conflict')) {
    const made = await findFolder(connection, path, signal)
    if (made) return made
  }
  throw errorOf(answer.failure)
}

export async function findFiles(
  connection: DropboxConnection,
  folder: RemoteFolder,
  name: string,
  signal: AbortSignal,
): Promise<readonly RemoteFile[]> {
  const entry = await findEntry(connection, fileIn(folder.path, name), signal)
  return entry?.['.tag'] === 'file' ? [remoteFileOf(entry)] : []
}

export async function getFile(
  connection: DropboxConnection,
  id: string,
  signal: AbortSignal,
): Promise<RemoteFile | null> {
  const entry = await findEntry(connection, id, signal)
  return entry?.['.tag'] === 'file' ? remoteFileOf(entry) : null
}

/**
 * All files directly in the folder. Pages are handed out when the last one has come: pages after the first are
 * changes against those before them, and a cursor may be reset, which is answered by one new start.
 */
export async function* listFiles(
  connection: DropboxConnection,
  folder: RemoteFolder,
  signal: AbortSignal,
): AsyncGenerator<readonly RemoteFile[]> {
  let files = await collect(connection, folder, signal)
  files ??= await collect(connection, folder, signal)
  if (files === null) {
    throw new ProviderError('listing_incomplete', 'The folder changed again and again while it was listed.')
  }
  for (let at = 0; at < files.length; at += PAGE_ENTRIES) yield files.slice(at, at + PAGE_ENTRIES)
}

/** Tries whether the folder can be listed at all. */
export async function tryListing(
  connection: DropboxConnection,
  folder: RemoteFolder,
  signal: AbortSignal,
): Promise<void> {
  const answer = await connection.fileCall(
    pageSchema,
    (client, options) => client.filesListFolder({ path: apiPath(folder.path), limit: 1 }, options),
    signal,
  )
  if (!answer.ok) throw errorOf(answer.failure)
}

/** Null when Dropbox has reset the cursor. */
async function collect(
  connection: DropboxConnection,
  folder: RemoteFolder,
  signal: AbortSignal,
): Promise<RemoteFile[] | null> {
  const files = new Map<string, RemoteFile>()
  let cursor: string | undefined
  for (;;) {
    const known = cursor
    const answer = await connection.fileCall(
      pageSchema,
      (client, options) =>
        known === undefined
          ? client.filesListFolder(
              { path: apiPath(folder.path), recursive: false, limit: PAGE_ENTRIES },
              options,
            )
          : client.filesListFolderContinue({ cursor: known }, options),
      signal,
    )
    if (!answer.ok) {
      if (known !== undefined && covers(answer.failure.reason, 'reset')) return null
      throw errorOf(answer.failure)
    }
    for (const entry of answer.result.entries) {
      if (entry === null) continue
      const key = entry.path_lower ?? entry.name.toLowerCase()
      if (entry['.tag'] === 'file') files.set(key, remoteFileOf(entry))
      else files.delete(key)
    }
    if (!answer.result.has_more) return [...files.values()]
    if (answer.result.cursor === known && answer.result.entries.length === 0) {
      throw new ProviderError('listing_incomplete', 'Dropbox promises more files but does not list them.')
    }
    cursor = answer.result.cursor
  }
}

const deletedSchema = z.object({ metadata: z.unknown() })

/** Dropbox keeps deleted files for 30 days or more, outside of the quota. */
export async function deleteFile(
  connection: DropboxConnection,
  file: { readonly id: string; readonly revision: string | null },
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  const revision = file.revision === null ? {} : { parent_rev: file.revision }
  const answer = await connection.fileCall(
    deletedSchema,
    (client, options) => client.filesDeleteV2({ path: file.id, ...revision }, options),
    signal,
  )
  if (answer.ok) return 'deleted'
  if (covers(answer.failure.reason, 'path_lookup/not_found')) return 'already_gone'
  throw errorOf(answer.failure)
}
