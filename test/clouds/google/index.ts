// An emulated Google Drive: token endpoint, JSON API and resumable uploads behind one HTTPS server, under the real host
// names as well as on localhost. Refuses what the real service refuses (docs/providers.md, 1.8).
//
// Operations: token, about, drives, generate_ids, list, get, create (a folder, an empty file), update (trash, rename),
//   delete, open (of an upload session), chunk, status, abort, upload (multipart or media), other.
// Own faults (operation → name, value): chunk → keep_only (bytes of this request that are kept; answered 308),
//   flip_bit (the first byte is stored wrong); chunk or status → forget_session (404 or 410); list → stale_list
//   (hides what is younger than `value` ms, default 1 h), incomplete_search, empty_page; get → omit_sha256 (in the next
//   resource shown, also the final answer of an upload); any → expire_tokens (every token is void from this request on).
// Switches for what nobody has verified (docs/providers.md, 4): takesIdsInSharedDrives, idInUseReason, sessionNeedsBearer,
//   goneStatus.

import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { TestAuthority } from '../certificates.ts'
import type { CloudDouble, CloudOptions, StoredFile } from '../cloud-double.ts'
import { type CloudAnswer, type CloudRequest, startCloudServer } from '../cloud-server.ts'
import { plainErrorBody, Refusal, refuse } from './drive-error.ts'
import {
  contentOf,
  createDriveWorld,
  type DriveItem,
  type DriveRole,
  type DriveWorld,
  FOLDER_TYPE,
} from './drive-world.ts'
import { createFilesService } from './files-service.ts'
import { operationOf, route } from './google-routes.ts'
import { createTokenEndpoint, DRIVE_SCOPE } from './token-endpoint.ts'
import { createUploadSessions } from './upload-sessions.ts'

export type GoogleOptions = CloudOptions & {
  /** Where `settings.folder_id` lies; `delegated` is My Drive with a subject. Default: shared_drive. */
  readonly destination?: 'shared_drive' | 'my_drive' | 'delegated'
  /** False: a full My Drive is all that the refusal speaks of there; Google has both wordings. Default true. */
  readonly namesServiceAccounts?: boolean
  /** Role of the service account in the shared drive; default organizer (Manager). */
  readonly role?: DriveRole
  /** False: only the folder was shared, not the drive. Default true. */
  readonly isDriveMember?: boolean
  readonly takesIdsInSharedDrives?: boolean
  readonly idInUseReason?: string
  readonly sessionNeedsBearer?: boolean
  readonly goneStatus?: 404 | 410
  /** Uploads of a day; beyond it 403 userRateLimitExceeded, as the real 750 GB cap. */
  readonly dailyCapBytes?: number
}

export interface GoogleDouble extends CloudDouble {
  /** The key file as it is downloaded from the console. */
  readonly keyFile: Readonly<Record<string, string>>
  readonly serviceAccount: string
  /** The user whom the service account may act for. */
  readonly person: string
  readonly world: DriveWorld
  /** Every token given so far is refused from now on. */
  expireTokens(): void
  /** The key is refused from now on. */
  deleteKey(): void
  /** Forgets every upload session, as after a week. */
  forgetSessions(): void
  /** Bytes that the drives take in all; null: no limit. */
  setQuota(bytes: number | null): void
  /** Trashes the folder of `settings.folder_id`. */
  trashFolder(): void
}

const HOSTS = ['www.googleapis.com', 'oauth2.googleapis.com', 'drive.googleapis.com']

export async function startGoogleEmulator(
  authority: TestAuthority,
  options: GoogleOptions = {},
): Promise<GoogleDouble> {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const now = Date.now
  const serviceAccount = `cloud-sync-${randomUUID().slice(0, 8)}@emulated-project.iam.gserviceaccount.com`
  const person = 'backup.owner@example.com'
  const isDriveMember = options.isDriveMember ?? true
  const world = createDriveWorld({
    serviceAccount,
    person,
    isDriveMember,
    namesServiceAccounts: options.namesServiceAccounts ?? true,
    role: options.role ?? 'organizer',
    now,
  })
  const tokens = createTokenEndpoint({
    ...{
      serviceAccount,
      person,
      publicKey: keys.publicKey,
      now,
      ownTokenUrl: () => `${server.origin}/token`,
    },
    tokenLifeSeconds: options.tokenLifeSeconds ?? 3599,
  })
  const files = createFilesService(world, {
    ...{ serviceAccount, isDriveMember, now, pageSize: options.pageSize ?? 3, faults: () => server.faults },
    takesIdsInSharedDrives: options.takesIdsInSharedDrives ?? true,
    idInUseReason: options.idInUseReason ?? 'fileIdInUse',
  })
  let storedToday = 0
  const sessions = createUploadSessions({
    keepsContent: options.keepContent ?? true,
    goneStatus: options.goneStatus ?? 404,
    needsBearer: options.sessionNeedsBearer ?? false,
    faults: () => server.faults,
    accountOf: tokens.accountOf,
    onStored: (bytes) => {
      storedToday += bytes
    },
  })
  const checkDailyCap = () => {
    if (storedToday < (options.dailyCapBytes ?? Infinity)) return
    throw refuse(403, 'userRateLimitExceeded', 'User rate limit exceeded.', 'usageLimits')
  }

  const handle = async (request: CloudRequest): Promise<CloudAnswer> => {
    if (server.faults.takeOwn(request.operation, 'expire_tokens')) tokens.revokeAll()
    try {
      const answer = await route(request, { tokens, files, sessions, world, checkDailyCap })
      return compressed(request, answer)
    } catch (cause) {
      if (cause instanceof Refusal) return compressed(request, cause.answer)
      throw cause
    }
  }
  const server = await startCloudServer(
    { hosts: HOSTS, operationOf, handle, errorBody: plainErrorBody },
    authority,
    options.port,
  )

  const destination = options.destination ?? 'shared_drive'
  const folderId = destination === 'shared_drive' ? world.sharedFolderId : world.myDriveFolderId
  const keyFile = {
    type: 'service_account',
    project_id: 'emulated-project',
    private_key_id: randomUUID().replaceAll('-', ''),
    private_key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    client_email: serviceAccount,
    client_id: '100000000000000000001',
    auth_uri: 'https://accounts.google.com/o/oauth2/auth',
    token_uri: 'https://oauth2.googleapis.com/token',
    universe_domain: 'googleapis.com',
  }
  return {
    kind: 'google_drive',
    server,
    env: { GOOGLE_API_ROOT: server.origin, GOOGLE_TOKEN_URL: `${server.origin}/token` },
    credentials: { credentials_json: JSON.stringify(keyFile) },
    settings: { folder_id: folderId, ...(destination === 'delegated' ? { subject: person } : {}) },
    ...{ keyFile, serviceAccount, person, world },
    files: (folderPath) => storedFiles(world, folderId, folderPath),
    putFile: (path, content, uploadedAt) => {
      const names = path.split('/').filter((name) => name !== '')
      const name = names.pop() ?? fail(`no file name in ${path}`)
      const parent = names.reduce((id, folder) => subfolder(world, id, folder, person), folderId)
      const item = world.add({
        ...{
          id: world.newId(),
          name,
          mimeType: 'application/octet-stream',
          parents: [parent],
          owner: person,
        },
        driveId: world.items.get(folderId)?.driveId ?? null,
        createdTime: new Date(uploadedAt ?? now()).toISOString(),
        content: contentOf(content),
        appProperties: {},
      })
      if (options.keepContent === false && item.content !== null) item.content.bytes = null
      return (
        storedFiles(world, folderId).find((file) => file.id === item.id) ?? fail('the file was not stored')
      )
    },
    removeFile: (path) => {
      for (const { id } of storedFiles(world, folderId).filter((file) => file.path === path)) world.remove(id)
    },
    openSessions: () => sessions.open,
    expireTokens: tokens.revokeAll,
    deleteKey: tokens.deleteKey,
    forgetSessions: sessions.forgetAll,
    setQuota: (bytes) => {
      world.quotaBytes = bytes
    },
    trashFolder: () => {
      const folder = world.items.get(folderId) ?? fail('no folder')
      folder.isTrashed = true
    },
    close: server.close,
  }
}

export { DRIVE_SCOPE }

/** Google compresses JSON for those who ask for it (and only for those). */
function compressed(request: CloudRequest, answer: CloudAnswer): CloudAnswer {
  const asked = request.headers['accept-encoding'] ?? ''
  const isJson = typeof answer.body === 'object' && answer.body !== null && !Buffer.isBuffer(answer.body)
  if (!isJson || !/\bgzip\b/.test(asked)) return answer
  const headers = {
    ...answer.headers,
    'Content-Type': 'application/json; charset=UTF-8',
    'Content-Encoding': 'gzip',
  }
  return { ...answer, headers, body: gzipSync(JSON.stringify(answer.body)) }
}

function storedFiles(world: DriveWorld, rootId: string, folderPath = '/'): readonly StoredFile[] {
  const found: StoredFile[] = []
  const walk = (folderId: string, path: string) => {
    for (const item of world.children(folderId)) {
      const itemPath = `${path}/${item.name}`
      if (item.isTrashed) continue
      if (item.mimeType === FOLDER_TYPE) walk(item.id, itemPath)
      else found.push(storedFile(item, itemPath))
    }
  }
  walk(rootId, '')
  const prefix = `${folderPath.replace(/\/+$/, '')}/`
  return found.filter((file) => file.path.startsWith(prefix))
}

function storedFile(item: DriveItem, path: string): StoredFile {
  const content = item.content ?? fail('a file without content')
  return {
    ...{ id: item.id, path, size: content.size, uploaded_at: item.createdTime, content: content.bytes },
    hashes: [
      { algorithm: 'md5', value: content.md5 },
      { algorithm: 'sha256', value: content.sha256 },
    ],
  }
}

function subfolder(world: DriveWorld, parentId: string, name: string, owner: string): string {
  const known = world.children(parentId).find((item) => item.name === name && item.mimeType === FOLDER_TYPE)
  if (known !== undefined) return known.id
  const id = world.newId()
  const createdTime = new Date().toISOString()
  const driveId = world.items.get(parentId)?.driveId ?? null
  world.add({
    ...{ id, name, owner, driveId, createdTime, mimeType: FOLDER_TYPE },
    parents: [parentId],
    content: null,
    appProperties: {},
  })
  return id
}

function fail(what: string): never {
  throw new Error(`google emulator: ${what}`)
}
