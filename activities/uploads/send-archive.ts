// Bringing the bytes of an archive to the provider, within one attempt: the folder, the transfer, and the hash by which the
// copy is proven.

import { assertClaim, ClaimLost, type SessionClaim } from '../../db/uploads/claims.ts'
import { saveArchiveHash } from '../../db/uploads/sessions.ts'
import { namesForRun } from '../../workflows/archives/archive-name.ts'
import type { FileHash } from '../../workflows/types.ts'
import { type OpenArchive, openArchiveSource } from '../archives/archive-source.ts'
import type { ActivityDeps } from '../dependencies.ts'
import type { RemoteFile, RemoteFolder } from '../providers/provider.ts'
import { outlastAbsence } from '../worker/database-absence.ts'
import { type Sending, sessionStore } from './session-store.ts'
import type { TransferNote } from './transfer/options.ts'
import type { RecognisedFile } from './transfer/recognise-file.ts'
import { transfer } from './transfer/transfer.ts'
import { auditDestination } from './upload-audit.ts'
import type { UploadedCopy, UploadInput } from './uploaded-copy.ts'

/** The copy without what only the attempt knows. */
export type Sent = Omit<UploadedCopy, 'attempt' | 'started_at'>

/** Rejects with what ends the attempt. The bytes that have left by then are not lost. */
export async function sendArchive(deps: ActivityDeps, input: UploadInput, sending: Sending): Promise<Sent> {
  const { provider, archive, claim, progress, rate, signal } = sending
  const source = await openArchiveSource(archive, provider.hashAlgorithm)
  try {
    const folder = await provider.ensureFolder(input.folder, signal)
    const noted = new Set<string>()
    const { file, local, already_present } = await transfer({
      provider,
      folder,
      names: namesForRun(archive.remote_name, input.run_id).map((name) => provider.remoteName(name)),
      upload: { runId: input.run_id, instance: input.instance, size: archive.size },
      source,
      sessions: await sessionStore(deps, sending),
      events: {
        onSent: progress.sent,
        onStored: progress.stored,
        onContinue: (offset) => {
          progress.continueAt(offset)
          rate.continueAt(offset)
        },
        onNote: async (note) => {
          // Note one resume per attempt, however often the connection breaks.
          if (note.event === 'upload_resumed' && noted.has(note.event)) return
          noted.add(note.event)
          await outlastAbsence(() => writeNote(deps, input, claim, note), signal)
        },
      },
      signal,
    })
    const hash = await comparableHash({ file, local, already_present }, source, signal)
    return {
      remote_id: file.id,
      remote_path: pathOf(folder, file),
      size: archive.size,
      hash,
      already_present,
      uploaded_at: file.uploaded_at,
    }
  } finally {
    await keepHash(deps, claim, source)
    await source.close()
  }
}

/** The hash proves a copy whose bytes have all left, also when this attempt fails. */
async function keepHash(deps: ActivityDeps, claim: SessionClaim, source: OpenArchive): Promise<void> {
  const hash = source.known()
  if (hash === null) return
  await saveArchiveHash(deps.db, claim, hash).catch((error: unknown) => {
    if (!(error instanceof ClaimLost)) deps.log.warn({ err: error, ...claim }, 'the hash was not kept')
  })
}

/** The path of a file in its folder, from the root of the account. */
export function pathOf(folder: RemoteFolder, file: RemoteFile): string {
  return `${folder.path === '/' ? '' : folder.path}/${file.name}`
}

/** Where the provider states another hash than the one computed while sending, the archive is read once more. */
export async function comparableHash(
  { file, local }: RecognisedFile,
  source: Pick<OpenArchive, 'digestBy'>,
  signal: AbortSignal,
): Promise<FileHash> {
  const stated = file.hashes[0]
  const isComparable = stated === undefined || file.hashes.some((hash) => hash.algorithm === local.algorithm)
  return isComparable ? local : source.digestBy(stated.algorithm, signal)
}

async function writeNote(
  deps: ActivityDeps,
  input: UploadInput,
  claim: SessionClaim,
  note: TransferNote,
): Promise<void> {
  const { event, ...details } = note
  // What an attempt finds after another one took over was done by the other one.
  await assertClaim(deps.db, claim)
  await auditDestination(deps.db, input, event, { ...details, attempt: claim.claim })
}
