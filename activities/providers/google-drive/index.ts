// Google Drive, for a service account, in a shared drive or (with a subject) in a user's My Drive.
//
// The protocol: a signed assertion is exchanged for a token of one hour. Before the first byte a file ID is generated and a
// resumable session opened with it; Drive gives the session an address that is itself the credential and lives for a week.
// All the bytes go there in one streamed PUT. When it breaks, an empty PUT with `Content-Range: bytes */N` is answered 308
// with the bytes that have arrived (no Range: none), and the rest is sent from there; Drive may keep less than was sent. The
// same question is the answer to a lost last answer: 200 and the file. A session answered 404 or 410 is gone, unless the file
// exists under its ID. Until the last byte nothing is visible; a second end with the same ID is refused with 409.
//
// Drive allows any number of files and folders of one name: the oldest folder counts, files are told apart by ID. A search
// by name lags behind, a read by ID does not; whatever matters is read by ID, and a missing search result proves nothing.
// Everything in shared drives needs supportsAllDrives. Service accounts own no storage, so without a subject
// a folder in a user's My Drive can be read but not written. Deleting for good takes a Manager; else files go into the trash.

import type { GoogleDriveCredentials, GoogleDriveSettings } from '../../../db/accounts/account-shapes.ts'
import type { HttpClient } from '../../http/client.ts'
import type { Provider, RemoteFile, RemoteFolder } from '../provider.ts'
import { createDriveApi } from './api.ts'
import { createGoogleAuth, type GoogleEndpoints } from './auth.ts'
import { checkAccount } from './check.ts'
import { deleteFile } from './deletion.ts'
import { byAge, type DriveFile, FOLDER_TYPE, remoteFileOf } from './files.ts'
import { createFolders } from './folders.ts'
import { readItem } from './items.ts'
import { createListing } from './listing.ts'
import { watchMyDrive } from './my-drive.ts'
import { quoted, remoteName } from './names.ts'
import { type RootFolder, readRoot } from './root-folder.ts'
import { createUploads } from './upload.ts'

/** "Maximum file size: 5120 GB" (Drive API reference, files.create), read as binary units. */
const MAX_FILE_BYTES = 5 * 2 ** 40
/** "A session URI expires after one week" (Drive guide, resumable uploads). */
const SESSION_LIFE_MS = 7 * 86_400_000

export function createGoogleDrive(deps: {
  readonly credentials: GoogleDriveCredentials
  readonly settings: GoogleDriveSettings
  readonly endpoints: GoogleEndpoints
  readonly http: HttpClient
  readonly now?: (() => number) | undefined
}): Provider {
  const { settings, endpoints, http } = deps
  const now = deps.now ?? Date.now
  const api = createDriveApi(createGoogleAuth(deps))

  let driveId: string | null | undefined
  const rootOf = async (signal: AbortSignal): Promise<RootFolder> => {
    const root = await readRoot(api, settings.folder_id, signal)
    driveId = root.driveId ?? null
    return root
  }
  const driveIdOf = async (signal: AbortSignal) =>
    driveId === undefined ? ((await rootOf(signal)).driveId ?? null) : driveId
  const listing = createListing(api, driveIdOf)
  const folders = createFolders(api, listing, rootOf)
  const myDrive = watchMyDrive({ hasSubject: settings.subject !== undefined, rootOf })
  const uploads = myDrive.over(createUploads({ api, listing, http, apiRoot: endpoints.apiRoot, now }))

  const filesIn = (folder: RemoteFolder) =>
    `${quoted(folder.id)} in parents and mimeType != '${FOLDER_TYPE}' and trashed = false`

  return {
    kind: 'google_drive',
    limits: {
      maxFileBytes: MAX_FILE_BYTES,
      sessionLifeMs: SESSION_LIFE_MS,
    },
    hashAlgorithm: 'sha256',
    remoteName,
    ensureFolder: (path, signal) => myDrive.store(signal, () => folders.ensure(path, signal)),
    findFolder: folders.find,
    findFiles: async (folder, name, signal) => {
      const found = await listing.find(`${filesIn(folder)} and name = ${quoted(name)}`, signal)
      // Drive's `=` takes no notice of upper and lower case.
      return remoteFiles(found.filter((file) => file.name === name).toSorted(byAge))
    },
    openSession: uploads.openSession,
    querySession: uploads.querySession,
    send: uploads.send,
    abortSession: uploads.abortSession,
    getFile: async (id, signal) => {
      const file = await readItem(api, id, signal)
      return file === null || file.trashed === true ? null : remoteFileOf(file)
    },
    listFiles: async function* (folder, signal) {
      for await (const page of listing.pages(filesIn(folder), signal)) yield remoteFiles(page)
    },
    deleteFile: (file, signal) => deleteFile(api, file, signal),
    check: (signal) =>
      checkAccount({ api, uploads, rootOf, hasSubject: settings.subject !== undefined, now }, signal),
  }
}

function remoteFiles(files: readonly DriveFile[]): readonly RemoteFile[] {
  return files.flatMap((file) => remoteFileOf(file) ?? [])
}
