// Tries an account for real: token, account, clock, space, listing the folder, and a tiny file that is written and removed
// again (docs/providers.md, 2.5). Never rejects but for the signal.

import { randomUUID } from 'node:crypto'
import { createDropboxContentHash } from '../../archives/hashes/dropbox-content-hash.ts'
import { failedCheck } from '../failed-check.ts'
import { type AccountCheck, ProviderError } from '../provider.ts'
import { accountSchema, fileSchema } from './answers.ts'
import type { DropboxConnection } from './connection/connection.ts'
import { errorOf } from './errors.ts'
import { deleteFile, ensureFolder, tryListing } from './folders.ts'
import { fileIn } from './names.ts'
import { askSpace } from './space.ts'

/** A clock that is further off makes dates of retention and logs misleading. */
const MAX_SKEW_MS = 300_000

type CheckParts = {
  readonly connection: DropboxConnection
  /** The folder under which the bindings' folders lie. */
  baseFolder(signal: AbortSignal): Promise<string>
  /** True for a bare access token, which lives for hours. */
  readonly isShortLived: boolean
  readonly now: () => number
}

export async function checkAccount(parts: CheckParts, signal: AbortSignal): Promise<AccountCheck> {
  let space: AccountCheck['space'] = null
  try {
    const owner = await askOwner(parts, signal)
    space = await askSpace(parts.connection, signal)
    const base = await parts.baseFolder(signal)
    await tryWriting(parts.connection, base, signal)
    const hint = parts.isShortLived
      ? ' This access token lives about 4 hours: use a refresh token beyond tests.'
      : ''
    return { ok: true, detail: `Wrote and removed a file in ${base} of ${owner}.${hint}`, space, error: null }
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    if (cause instanceof ProviderError) return failedCheck(cause, space)
    return failedCheck({ code: 'internal_error', fact: 'The check itself failed.' }, space)
  }
}

async function askOwner(parts: CheckParts, signal: AbortSignal): Promise<string> {
  const { connection, now } = parts
  const answer = await connection.userCall(
    accountSchema,
    (client, options) => client.usersGetCurrentAccount(options),
    signal,
  )
  if (!answer.ok) throw errorOf(answer.failure)
  const skewMs = answer.date === null ? 0 : Math.abs(Date.parse(answer.date) - now())
  if (skewMs > MAX_SKEW_MS) {
    const minutes = Math.round(skewMs / 60_000)
    throw new ProviderError('clock_skewed', `This machine's clock is ${minutes} minutes off from Dropbox's.`)
  }
  return `${answer.result.name.display_name} (${answer.result.email})`
}

async function tryWriting(connection: DropboxConnection, base: string, signal: AbortSignal): Promise<void> {
  const folder = await ensureFolder(connection, base, signal)
  await tryListing(connection, folder, signal)
  const bytes = Buffer.from('.')
  const hash = createDropboxContentHash()
  hash.update(bytes)
  const path = fileIn(folder.path, `.cloud-sync-check-${randomUUID()}`)
  const arg = { path, mode: 'add', autorename: false, mute: true, content_hash: hash.digest() }
  const written = await connection.contentCall(
    fileSchema,
    { route: 'files/upload', arg, body: () => bytes },
    signal,
  )
  if (!written.ok) throw errorOf(written.failure)
  await deleteFile(connection, { id: written.result.id, revision: written.result.rev }, signal)
}
