// Tries the account for real: token, clock, folder, a file of one byte written and removed, space (docs/providers.md,
// 1.7). Says exactly what is wrong, because most set-ups fail at one of these steps.

import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { failedCheck } from '../failed-check.ts'
import { type AccountCheck, ProviderError, type UploadTarget } from '../provider.ts'
import type { DriveApi } from './api.ts'
import { deleteFile } from './deletion.ts'
import type { RootFolder } from './root-folder.ts'
import type { Uploads } from './upload.ts'

/** Google itself tolerates about this much. */
const MAX_SKEW_MS = 5 * 60_000

const amount = z.string().regex(/^\d+$/).transform(Number)
const aboutSchema = z.object({
  user: z.object({ emailAddress: z.string() }),
  storageQuota: z.object({ limit: amount.optional(), usage: amount.optional() }).default({}),
})

export async function checkAccount(
  deps: {
    readonly api: DriveApi
    readonly uploads: Uploads
    readonly rootOf: (signal: AbortSignal) => Promise<RootFolder>
    readonly hasSubject: boolean
    readonly now: () => number
  },
  signal: AbortSignal,
): Promise<AccountCheck> {
  try {
    return await tryOut(deps, signal)
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof ProviderError) return failedCheck(cause)
    return failedCheck({ code: 'internal_error', fact: 'The check itself failed.' })
  }
}

async function tryOut(
  { api, uploads, rootOf, hasSubject, now }: Parameters<typeof checkAccount>[0],
  signal: AbortSignal,
): Promise<AccountCheck> {
  let date: string | null = null
  const about = await api.call(
    async (library, options) => {
      const answer = await library.about.get({ fields: 'user(emailAddress),storageQuota' }, options)
      date = answer.headers.date ?? null
      return answer
    },
    aboutSchema,
    signal,
  )
  const skewMs = date === null ? 0 : now() - Date.parse(date)
  if (Math.abs(skewMs) > MAX_SKEW_MS) {
    const minutes = Math.round(Math.abs(skewMs) / 60_000)
    const fact = `This machine's clock is ${minutes} minutes ${skewMs > 0 ? 'ahead of' : 'behind'} Google's.`
    return failedCheck({ code: 'clock_skewed', fact })
  }
  const root = await rootOf(signal)
  if (root.capabilities.canAddChildren === false) {
    const fact = `${about.user.emailAddress} may not add files to the folder "${root.name}".`
    return failedCheck({ code: 'permission_denied', fact })
  }
  const removal = await writeAndRemove(api, uploads, { id: root.id, path: '/' }, signal)
  const place = root.driveId === undefined ? 'in My Drive' : 'in a shared drive'
  const notes = [NOTES[removal]]
  if (root.driveId === undefined && !hasSubject) {
    notes.push(
      'The folder is in My Drive and counts against the storage of the service account itself, which Google is taking away.',
    )
  }
  const { limit, usage } = about.storageQuota
  return {
    ok: true,
    detail: [
      `Wrote a test file to the folder "${root.name}" ${place} as ${about.user.emailAddress}.`,
      ...notes,
    ].join(' '),
    // Google reports the space of the user. That of a shared drive it shows to administrators alone.
    space: root.driveId === undefined && usage !== undefined ? { used: usage, total: limit ?? null } : null,
    error: null,
  }
}

type Removal = 'deleted' | 'trashed' | 'left'

const NOTES: Readonly<Record<Removal, string>> = {
  deleted: 'It was deleted again.',
  trashed:
    'It could only be moved to the trash (deleting takes a Manager): old copies count against the space for 30 days.',
  left: 'It could not be removed: give the account the role Content manager or Manager, or old copies stay for ever.',
}

async function writeAndRemove(
  api: DriveApi,
  uploads: Uploads,
  folder: UploadTarget['folder'],
  signal: AbortSignal,
): Promise<Removal> {
  const target: UploadTarget = {
    folder,
    name: `.cloud-sync-check-${randomUUID()}.tmp`,
    size: 1,
    runId: 'check',
    instance: 'check',
  }
  const session = await uploads.openSession(target, signal)
  const source = {
    size: 1,
    read: async function* () {
      yield Buffer.from('.')
    },
  }
  const nothing = () => undefined
  const context = { signal, onSent: nothing, onStored: nothing, saveSession: async () => undefined }
  const file = await uploads.send(target, session, source, 0, context)
  try {
    const outcome = await deleteFile(api, { id: file.id, revision: null }, signal)
    return outcome === 'trashed' ? 'trashed' : 'deleted'
  } catch (cause) {
    if (cause instanceof ProviderError && cause.code === 'permission_denied') return 'left'
    throw cause
  }
}
