// An emulated Microsoft 365 tenant: Entra's token endpoint, Graph, and SharePoint's upload hosts behind one HTTPS server,
// under the real host names as well as on localhost. Refuses what the real service refuses (docs/providers.md, 3.5).
//
// Operations: token, discovery, drive, site, find (by path), get (by ID), list, folder (made), open (of an upload session),
//   chunk, status, abort, single (PUT of a whole file), rename, delete, permanent_delete, download, other.
// Own faults (operation → name, value): chunk → keep_only (bytes of this fragment that are kept; answered 202),
//   flip_bit (the first byte is stored wrong); chunk, status or abort → forget_session; chunk or status → range_list (the
//   `nextExpectedRanges` that is answered, null for none); open → refuse_size (400 to `fileSize`), foreign_upload_url
//   (value: host); get, find, list, chunk → omit_hashes (in the next file shown; `chunk` also for a single PUT); list →
//   stale_list (hides what is younger than `value` ms, default 1 h), empty_page, foreign_next_link (value: host); token →
//   aadsts (value: number); any → expire_tokens, date_offset (value: ms by which the `Date` of the answer is wrong).
// Switches for what nobody has verified (docs/providers.md, 4): brokenFragments, unaligned, sessionsHoldNames,
//   renamesToHeldName, missingRole, refusesFragments, refusesTokenOnUploads.

import { randomUUID } from 'node:crypto'
import type { TestAuthority } from '../certificates.ts'
import type { CloudDouble, CloudOptions, StoredFile } from '../cloud-double.ts'
import { type CloudAnswer, type CloudRequest, startCloudServer } from '../cloud-server.ts'
import { contentOf, createDriveWorld, type Drive, type Item, storedFile } from './drive-world.ts'
import { type Application, createEntra } from './entra.ts'
import { plainErrorBody, Refusal, refuseSignIn } from './graph-error.ts'
import { operationOf, route, type Services } from './graph-routes.ts'
import { createItemsService } from './items-service.ts'
import { createUploadSessions, type SessionOptions } from './upload-sessions.ts'

export type MicrosoftOptions = CloudOptions & {
  /** Application permissions that were consented to; default Files.ReadWrite.All. */
  readonly roles?: readonly string[]
  /** What Graph answers to a token without a role for files; default 403. */
  readonly missingRole?: 401 | 403
  /** Fragments are refused although sessions open, as once under Sites.Selected. */
  readonly refusesFragments?: boolean
  /** A second session for a name is refused while one lives; default true. */
  readonly sessionsHoldNames?: boolean
  readonly renamesToHeldName?: boolean
  readonly brokenFragments?: SessionOptions['brokenFragments']
  readonly unaligned?: SessionOptions['unaligned']
  /** Life of a session after its last fragment; default 15 min. */
  readonly sessionSlideMs?: number
  /** Life of an upload address; default 24 h. */
  readonly sessionLifeMs?: number
  /** False: a bearer token on an upload address is overlooked, as older rclone needs it. Default true. */
  readonly refusesTokenOnUploads?: boolean
  /** A new file is shown this often without its hash. */
  readonly readsUntilHash?: number
}

export interface MicrosoftDouble extends CloudDouble {
  /** Other settings that work: the same drive by its ID, and a site's library by ID and by path. */
  readonly byDriveId: Record<string, unknown>
  readonly bySiteId: Record<string, unknown>
  readonly bySitePath: Record<string, unknown>
  readonly driveId: string
  readonly application: Application
  /** Users for the unhappy cases: without a OneDrive, and of a tenant without a licence. */
  readonly userWithoutDrive: string
  readonly userWithoutLicence: string
  siteFiles(folderPath?: string): readonly StoredFile[]
  recycleBin(): readonly StoredFile[]
  /** Moves the emulator's clock. */
  advance(ms: number): void
  expireTokens(): void
  forgetSessions(): void
  /** Bytes that a drive takes in all, the recycle bin among them. */
  setQuota(bytes: number): void
  /** The item at a path of the user's drive, to be locked, held or changed. */
  item(path: string): Item
  /** Changes the file's content, as if somebody had saved over it. */
  overwrite(path: string, content: Buffer): void
}

const HOSTS = [
  'login.microsoftonline.com',
  'graph.microsoft.com',
  'contoso.sharepoint.com',
  'contoso-my.sharepoint.com',
]
const DAY_MS = 86_400_000

export async function startMicrosoftEmulator(
  authority: TestAuthority,
  options: MicrosoftOptions = {},
): Promise<MicrosoftDouble> {
  let offsetMs = 0
  const now = () => Date.now() + offsetMs
  const application: Application = {
    tenantId: randomUUID(),
    tenantDomain: 'contoso.example',
    clientId: randomUUID(),
    secret: `emulated~${randomUUID()}`,
    isSecretExpired: false,
    roles: options.roles ?? ['Files.ReadWrite.All'],
  }
  const keepsContent = options.keepContent ?? true
  const world = createDriveWorld(now, options.readsUntilHash ?? 0)
  const userDrive = world.addDrive({
    driveType: 'business',
    webUrl: 'https://contoso-my.sharepoint.com/personal/backup_contoso_example/Documents',
    host: 'contoso-my.sharepoint.com',
    prefix: '/personal/backup_contoso_example',
    owner: { user: { displayName: 'Backup', email: 'backup@contoso.example' } },
  })
  const siteDrive = world.addDrive({
    driveType: 'documentLibrary',
    webUrl: 'https://contoso.sharepoint.com/sites/backups/Shared%20Documents',
    host: 'contoso.sharepoint.com',
    prefix: '/sites/backups',
    owner: { group: { displayName: 'Backups' } },
  })
  const siteId = `contoso.sharepoint.com,${randomUUID()},${randomUUID()}`
  const entra = createEntra(application, options.tokenLifeSeconds ?? 3599, now)
  const faults = () => server.faults
  const items = createItemsService(world, {
    pageSize: options.pageSize ?? 3,
    keepsContent,
    sessionsHoldNames: options.sessionsHoldNames ?? true,
    renamesToHeldName: options.renamesToHeldName ?? true,
    now,
    faults,
  })
  const sessions = createUploadSessions(
    world,
    {
      keepsContent,
      slideMs: options.sessionSlideMs ?? 900_000,
      lifeMs: options.sessionLifeMs ?? DAY_MS,
      brokenFragments: options.brokenFragments ?? 'discard',
      unaligned: options.unaligned ?? 'by_length',
      refusesToken: options.refusesTokenOnUploads ?? true,
      now,
      faults,
    },
    items.commit,
  )
  const services: Services = {
    entra,
    world,
    items,
    sessions,
    users: new Map<string, Drive | 'no_drive' | 'no_licence'>([
      ['backup@contoso.example', userDrive],
      ['newcomer@contoso.example', 'no_drive'],
      ['unlicensed@contoso.example', 'no_licence'],
    ]),
    sites: new Map([
      [siteId, { id: siteId, drive: siteDrive }],
      ['contoso.sharepoint.com:/sites/backups', { id: siteId, drive: siteDrive }],
    ]),
    maker: { application: application.clientId },
    missingRole: options.missingRole ?? 403,
    refusesFragments: () => options.refusesFragments ?? false,
    uploadOrigin: (request, drive) => {
      const foreign = faults().takeOwn(request.operation, 'foreign_upload_url')
      if (foreign !== undefined) return `https://${String(foreign.value)}`
      const { host, url } = request
      // Never the host that was asked: an upload address lies elsewhere.
      const other = host === '127.0.0.1' ? 'localhost' : host === 'localhost' ? '127.0.0.1' : drive.host
      return `https://${other}${url.port === '' ? '' : `:${url.port}`}`
    },
    now,
  }

  const handle = async (request: CloudRequest): Promise<CloudAnswer> => {
    if (faults().takeOwn(request.operation, 'expire_tokens')) entra.expireTokens()
    const wrongDate = faults().takeOwn(request.operation, 'date_offset')
    const aadsts = faults().takeOwn(request.operation, 'aadsts')
    try {
      if (typeof aadsts?.value === 'number') throw refuseSignIn(aadsts.value)
      return dated(await route(request, services), wrongDate?.value)
    } catch (cause) {
      if (cause instanceof Refusal) return dated(cause.answer, wrongDate?.value)
      throw cause
    }
  }
  const server = await startCloudServer(
    { hosts: HOSTS, operationOf, handle, errorBody: plainErrorBody },
    authority,
    options.port,
  )

  const item = (path: string): Item => {
    let found: Item | undefined = userDrive.root
    for (const name of path.split('/').filter((segment) => segment !== ''))
      found = found && world.child(found, name)
    if (found === undefined) throw new Error(`nothing at ${path}`)
    return found
  }
  return {
    kind: 'onedrive',
    server,
    env: { MICROSOFT_GRAPH_ROOT: server.origin, MICROSOFT_AUTHORITY_ROOT: server.origin },
    credentials: {
      tenant_id: application.tenantId,
      client_id: application.clientId,
      client_secret: application.secret,
    },
    settings: { drive: { user: 'backup@contoso.example' } },
    byDriveId: { drive: { drive_id: userDrive.id } },
    bySiteId: { drive: { site_id: siteId } },
    bySitePath: { drive: { site_id: 'contoso.sharepoint.com:/sites/backups' } },
    driveId: userDrive.id,
    application,
    userWithoutDrive: 'newcomer@contoso.example',
    userWithoutLicence: 'unlicensed@contoso.example',
    files: (folderPath = '/') => world.files(userDrive, folderPath),
    siteFiles: (folderPath = '/') => world.files(siteDrive, folderPath),
    recycleBin: () => userDrive.bin.map(storedFile),
    putFile: (path, content, uploadedAt) => {
      const at = path.lastIndexOf('/')
      const maker = { user: 'Somebody Else' }
      const folder = world.folderAt(userDrive, path.slice(0, at), maker)
      const createdMs = uploadedAt === undefined ? now() : Date.parse(uploadedAt)
      return storedFile(
        world.addFile(folder, path.slice(at + 1), contentOf(content, keepsContent), maker, createdMs),
      )
    },
    removeFile: (path) => world.toBin(item(path)),
    openSessions: () => sessions.count(),
    advance: (ms) => {
      offsetMs += ms
    },
    expireTokens: () => entra.expireTokens(),
    forgetSessions: () => sessions.forgetAll(),
    setQuota: (bytes) => {
      world.quotaTotal = bytes
    },
    item,
    overwrite: (path, content) => world.replaceContent(item(path), contentOf(content, keepsContent)),
    close: () => server.close(),
  }
}

function dated(answer: CloudAnswer, offsetMs: unknown): CloudAnswer {
  if (typeof offsetMs !== 'number') return answer
  return { ...answer, headers: { ...answer.headers, Date: new Date(Date.now() + offsetMs).toUTCString() } }
}
