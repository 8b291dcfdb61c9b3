// Dropbox, API v2 (https://www.dropbox.com/developers/documentation/http; facts and their evidence: docs/providers.md, 2).
//
// Two hosts: RPC calls go to the API root as JSON, calls with bytes to the content root with their arguments in the
// header Dropbox-API-Arg. Refusals of a call are HTTP 409 with a tagged union. A refresh token is exchanged for access
// tokens of 4 hours; a token refused in the middle of an upload is renewed and the call repeated.
// Files are addressed by path, without regard to case. A member of a team with a shared space works in its root
// (header Dropbox-API-Path-Root), so that team folders can be named; without a remote path the member's own folder is
// the base. Apps that see only their own folder have that as the root.
// Upload: small files in one call. Others: start a session, append chunks, finish. Sequential sessions take chunks in
// order, and answer a wrong offset with the right one. Concurrent sessions take chunks of whole 4 MiB blocks in any
// order, then the closing one; nobody can ask which have arrived, so a ledger is saved. Start and finish carry no
// data, because they are the calls that are rejected first when Dropbox is busy. Nothing is visible before finish.
// Finish never overwrites (mode add) and never renames; content identical to what is there counts as success, so
// that it can be repeated when its answer was lost. Only one finish at a time: Dropbox locks the account for writing.
// The answer to finish states size and content_hash, by which the engine verifies. Sessions cannot be given up by a
// call: they are invisible, cost no space and end after 7 days.

import type { DropboxCredentials, DropboxSettings } from '../../../db/accounts/account-shapes.ts'
import type { HttpClient } from '../../http/client.ts'
import type { Provider } from '../provider.ts'
import { checkAccount } from './check.ts'
import { createDropboxConnection } from './connection/connection.ts'
import type { DropboxEndpoints } from './connection/parts.ts'
import { deleteFile, ensureFolder, findFiles, findFolder, getFile, listFiles } from './folders.ts'
import { dropboxName, joinPaths } from './names.ts'
import { DEFAULT_TUNING, type UploadTuning } from './session-calls.ts'
import { createDropboxTokens } from './tokens.ts'
import { createDropboxUploads } from './upload.ts'

/** 2^41 - 2^22 bytes: UploadSessionAppendError `too_large` in Dropbox's API description. */
const MAX_FILE_BYTES = 2 ** 41 - 2 ** 22
/** "Upload sessions are valid for 7 days", the same place. */
const SESSION_LIFE_MS = 7 * 86_400_000

export type DropboxDeps = {
  readonly credentials: DropboxCredentials
  readonly settings: DropboxSettings
  readonly endpoints: DropboxEndpoints
  readonly http: HttpClient
  readonly now?: (() => number) | undefined
  readonly tuning?: Partial<UploadTuning> | undefined
}

export function createDropbox(deps: DropboxDeps): Provider {
  const { credentials, settings, http } = deps
  const now = deps.now ?? Date.now
  const endpoints: DropboxEndpoints = {
    apiRoot: withoutVersion(deps.endpoints.apiRoot),
    contentRoot: withoutVersion(deps.endpoints.contentRoot),
  }
  const tokens = createDropboxTokens({ credentials, apiRoot: endpoints.apiRoot, http, now })
  const connection = createDropboxConnection({ endpoints, tokens, http, now })
  const uploads = createDropboxUploads({ connection, tuning: { ...DEFAULT_TUNING, ...deps.tuning }, now })

  const baseFolder = async (signal: AbortSignal): Promise<string> => {
    if (settings.remote_path !== undefined) return settings.remote_path
    return (await connection.teamRoot(signal))?.homePath ?? '/'
  }
  return {
    kind: 'dropbox',
    limits: { maxFileBytes: MAX_FILE_BYTES, sessionLifeMs: SESSION_LIFE_MS },
    hashAlgorithm: 'dropbox_content_hash',
    remoteName: dropboxName,
    ensureFolder: async (path, signal) =>
      ensureFolder(connection, joinPaths(await baseFolder(signal), path), signal),
    findFolder: async (path, signal) =>
      findFolder(connection, joinPaths(await baseFolder(signal), path), signal),
    findFiles: (folder, name, signal) => findFiles(connection, folder, name, signal),
    openSession: uploads.open,
    querySession: uploads.query,
    send: uploads.send,
    abortSession: async (_session, signal) => signal.throwIfAborted(),
    getFile: (id, signal) => getFile(connection, id, signal),
    listFiles: (folder, signal) => listFiles(connection, folder, signal),
    deleteFile: (file, signal) => deleteFile(connection, file, signal),
    check: (signal) =>
      checkAccount({ connection, baseFolder, isShortLived: 'access_token' in credentials, now }, signal),
  }
}

/** The SDK adds the version of the API. */
function withoutVersion(root: string): string {
  return root.replace(/(\/2)?\/*$/, '')
}
