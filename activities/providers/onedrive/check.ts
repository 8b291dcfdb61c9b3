// Tries an account for real (docs/providers.md, 3.4): token, drive, folder, and a tiny file that goes through an
// upload session and is deleted again, because permissions may allow a session and refuse its bytes. The roles in the
// token only explain a refusal; they decide nothing.

import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { parseJson } from '../../../db/process/json.ts'
import type { ErrorCode } from '../../../workflows/errors.ts'
import { failedCheck } from '../failed-check.ts'
import { type AccountCheck, type ArchiveSource, ProviderError, type RemoteFolder } from '../provider.ts'
import type { Drive, DriveSource } from './drive.ts'
import type { Folders } from './folders.ts'
import type { Items } from './items.ts'
import { readSession } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { TokenSource } from './token.ts'
import type { Upload } from './upload/upload.ts'

const MAX_SKEW_MS = 300_000
/** Application permissions that reach files of a drive. */
const FILE_ROLES =
  /^(Files\.ReadWrite\.All|Sites\.(ReadWrite|Manage|FullControl)\.All|(Sites|Lists|ListItems|Files)\.(Selected|SelectedOperations\.Selected))$/

type Deps = {
  readonly token: TokenSource
  readonly drive: DriveSource
  readonly folders: Folders
  readonly items: Items
  readonly sessions: Sessions
  readonly upload: Upload
  readonly now: () => number
  readonly remotePath: string
}

type Space = AccountCheck['space']

const FULL = {
  code: 'storage_quota_exceeded',
  fact: 'The drive is full.',
  advice: 'Free space (also in the recycle bin) or buy more.',
} as const

/** Never rejects but for the signal (or a fault of this program). */
export async function checkAccount(deps: Deps, signal: AbortSignal): Promise<AccountCheck> {
  let space: Space = null
  let roles: readonly string[] | null = null
  try {
    roles = rolesOf(await deps.token.get(signal))
    const { drive, serverTime } = await deps.drive.describe(signal)
    space = spaceOf(drive)
    const skewMs = serverTime === null ? 0 : deps.now() - serverTime
    if (Math.abs(skewMs) > MAX_SKEW_MS) {
      const minutes = Math.round(Math.abs(skewMs) / 60_000)
      const fact = `This machine's clock is ${minutes} minutes ${skewMs > 0 ? 'ahead of' : 'behind'} Microsoft's.`
      return failedCheck({ code: 'clock_skewed', fact }, space)
    }
    if (drive.quota?.state === 'exceeded' || (drive.quota?.remaining === 0 && (drive.quota.total ?? 0) > 0)) {
      return failedCheck(FULL, space)
    }
    const { folder, isWhole } = await deps.folders.nearest(signal)
    await tryUpload(deps, drive.id, folder, signal)
    return { ok: true, detail: success(drive, folder, isWhole ? null : deps.remotePath), space, error: null }
  } catch (cause) {
    signal.throwIfAborted()
    if (!(cause instanceof ProviderError)) throw cause
    const { code, fact, advice } = cause
    return failedCheck({ code, fact: fact + rolesSeen(code, roles), advice }, space)
  }
}

async function tryUpload(
  deps: Deps,
  driveId: string,
  folder: RemoteFolder,
  signal: AbortSignal,
): Promise<void> {
  const target = {
    folder,
    name: `cloud-sync-check-${randomUUID()}.txt`,
    size: 1,
    runId: 'check',
    instance: 'check',
  }
  const saved = await deps.sessions.open(driveId, target, false, signal)
  const session = readSession(saved)
  if (session === null) throw new Error('a new upload session has an unknown shape')
  let file: Awaited<ReturnType<Upload['send']>>
  try {
    const context = { signal, onSent: () => {}, onStored: () => {}, saveSession: async () => {} }
    file = await deps.upload.send(target, session, oneByte, 0, context)
  } catch (cause) {
    // The refusal of the bytes is what matters. A session that cannot be given up expires.
    await deps.sessions.abort(saved, signal).catch((second: unknown) => {
      if (!(second instanceof ProviderError)) throw second
    })
    throw cause
  }
  try {
    await deps.items.remove(driveId, file.id, file.revision, signal)
  } catch (cause) {
    if (!(cause instanceof ProviderError)) throw cause
    throw new ProviderError(
      cause.code,
      `Uploading works, but ${file.name} could not be deleted again. ${cause.fact}.`,
      cause,
    )
  }
}

const oneByte: ArchiveSource = {
  size: 1,
  read: async function* () {
    yield Uint8Array.of(0x2e)
  },
}

function spaceOf(drive: Drive): Space {
  const { used, total } = drive.quota ?? {}
  if (used === undefined) return null
  return { used, total: total === undefined || total === 0 ? null : total }
}

function success(drive: Drive, folder: RemoteFolder, toMake: string | null): string {
  const kind = drive.driveType === 'documentLibrary' ? 'the document library' : 'the drive'
  const where = folder.path === '/' ? 'its root' : folder.path
  const rest = toMake === null ? '' : `; ${toMake} does not exist yet and is made by the first upload`
  return `Signed in, reached ${kind}, wrote and deleted a test file in ${where}${rest}. Deleted files go to the recycle bin.`
}

function rolesSeen(code: ErrorCode, roles: readonly string[] | null): string {
  if ((code !== 'permission_denied' && code !== 'credentials_refused') || roles === null) return ''
  if (roles.length === 0)
    return ' The token carries no application permission, so an administrator has not consented yet.'
  const names = roles.join(', ')
  if (!roles.some((role) => FILE_ROLES.test(role)))
    return ` The token carries only ${names}, none of which reaches files.`
  return ` The token carries ${names}.`
}

const claimsSchema = z.object({ roles: z.array(z.string().regex(/^[\w.]{1,80}$/)).default([]) })

/**
 * The `roles` claim, unverified and for diagnosis only; null where the token cannot be read, which Microsoft does not
 * promise.
 */
function rolesOf(token: string): readonly string[] | null {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')
  return claimsSchema.safeParse(parseJson(payload)).data?.roles ?? null
}
