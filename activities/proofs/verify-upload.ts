// The proof (docs/design.md, rule 1): the provider itself states the file with the archive's size and the hash of the bytes
// that were read; OneDrive's copies without a hash are read back instead. Only this step marks a destination as uploaded. A
// copy that differs is removed here, by its ID.

import { Context } from '@temporalio/activity'
import { saveDestination } from '../../db/runs/destinations.ts'
import { deleteSession, getSession, openSession, resendSession } from '../../db/uploads/sessions.ts'
import { recordUploadedFile } from '../../db/uploads/uploaded-files.ts'
import type { ErrorCode } from '../../workflows/errors.ts'
import { formatBytes } from '../../workflows/runs/destination.ts'
import type { DestinationState } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, StepError, toFailure } from '../failures.ts'
import type { Patience } from '../patience.ts'
import type { Provider, RemoteFile } from '../providers/provider.ts'
import { keptForm, readKept } from '../uploads/kept-session.ts'
import { auditDestination } from '../uploads/upload-audit.ts'
import type { UploadedCopy } from '../uploads/uploaded-copy.ts'
import { createPermits, type Permits } from '../worker/permits.ts'
import { earlierLooks, isEnough, type LooksInVain, lookedInVain, pauseMs } from './proof-patience.ts'
import { isTimeToReadBack, readBackHash } from './read-back.ts'

export type VerifyInput = {
  readonly run_id: string
  readonly instance: string
  readonly account_id: string
  readonly binding_id: string
  readonly copy: UploadedCopy
}

export type VerifiedState = Pick<
  DestinationState,
  'remote_id' | 'remote_path' | 'size' | 'hash' | 'bytes_sent' | 'attempt' | 'started_at' | 'finished_at'
>

/** Per process. The other short activities of its Worker have slots of their own. */
export const PROOFS_AT_ONCE = 40
/** Per process. Each reads a whole copy, which takes hours where it is large. */
const READINGS_AT_ONCE = 8
const NO_PERMIT_PAUSE_MS = 5_000

type VerifyActivities = {
  /**
   * Resolves with the state of the proven copy. Fails with `hash_mismatch` or `size_mismatch` (a copy that was sent is
   * removed; not to be retried as it is), or `upload_unverified` while the provider does not state the file or its hash: for
   * good when it has not stated a hash for ten minutes; and with `copy_vanished` when it has not shown the file for half a
   * minute: the archive is sent again then. Fails with `upload_unverified`, to be tried again soon, also when too many other
   * proofs run in this process. Heartbeats LooksInVain.
   */
  verifyUpload(input: VerifyInput): Promise<VerifiedState>
}

export function createVerifyActivities(deps: ActivityDeps): VerifyActivities {
  const proofs = createPermits(PROOFS_AT_ONCE)
  const readings = createPermits(READINGS_AT_ONCE)
  return {
    verifyUpload: async (input) => {
      const { copy } = input
      const context = Context.current()
      const signal = context.cancellationSignal
      let looks = earlierLooks(context.info.heartbeatDetails)
      // Every beat carries the looks: one without them would take them from the next attempt.
      const beat = () => (looks === null ? context.heartbeat() : context.heartbeat(looks))
      beat()
      const endProof = permitOf(proofs)
      const beats = setInterval(beat, 5_000)
      try {
        const { provider } = await deps.accounts.open(input.account_id)
        const file = await provider.getFile(copy.remote_id, signal)
        const verdict = judge(file, copy)
        switch (verdict.kind) {
          case 'good':
            return await record(deps, input, verdict.file, 'size_and_hash')
          case 'bad':
            await removeBadCopy(deps, input, provider, verdict.file, signal)
            throw final(verdict.code, `${verdict.difference}, and ${whatBecameOf(copy)}.`)
          case 'open':
            looks = lookedInVain(looks, verdict.file === null ? 'file' : 'hash', Date.now())
            beat()
            if (
              verdict.file !== null &&
              provider.readBack !== undefined &&
              isTimeToReadBack(copy.size, looks, Date.now(), deps.patience)
            ) {
              const endReading = permitOf(readings)
              try {
                return await proveByReading(deps, input, provider, provider.readBack, verdict.file, signal)
              } finally {
                endReading()
              }
            }
            if (!isEnough(looks, Date.now(), deps.patience)) throw notYet(looks, deps.patience)
            if (verdict.file !== null) throw final('upload_unverified', NO_HASH, LOOK_AT_IT)
            await noteVanished(deps, input)
            throw final('copy_vanished', VANISHED)
        }
      } finally {
        clearInterval(beats)
        endProof()
      }
    },
  }
}

/** Takes a permit and returns what gives it back. Throws StepError, to be tried again, where there is none. */
function permitOf(permits: Permits): () => void {
  const giveBack = permits.take()
  if (giveBack !== null) return giveBack
  throw new StepError('upload_unverified', 'Other copies are being proven first.', {
    retryAfterMs: NO_PERMIT_PAUSE_MS,
  })
}

/** Only Microsoft may leave a file without a hash for good. */
async function proveByReading(
  deps: ActivityDeps,
  input: VerifyInput,
  provider: Provider,
  readBack: NonNullable<Provider['readBack']>,
  file: RemoteFile,
  signal: AbortSignal,
): Promise<VerifiedState> {
  const { copy } = input
  const hash = await readBackHash(readBack, file, copy.hash.algorithm, signal)
  if (hash.value === copy.hash.value) return record(deps, input, file, 'size_and_content')
  await removeBadCopy(deps, input, provider, file, signal)
  const difference = `The copy, read back, has another ${hash.algorithm} than the archive`
  throw final('hash_mismatch', `${difference}, and ${whatBecameOf(copy)}.`)
}

type Verdict =
  | { readonly kind: 'good'; readonly file: RemoteFile }
  | {
      readonly kind: 'bad'
      readonly file: RemoteFile
      readonly code: 'hash_mismatch' | 'size_mismatch'
      /** Without the full stop. */
      readonly difference: string
    }
  /** Without a file, or with one of the right size without a hash. */
  | { readonly kind: 'open'; readonly file: RemoteFile | null }

function judge(file: RemoteFile | null, copy: UploadedCopy): Verdict {
  if (file === null) return { kind: 'open', file }
  if (file.size !== copy.size) {
    const difference = `The copy has ${formatBytes(file.size)} (${file.size} bytes) instead of ${copy.size}`
    return { kind: 'bad', file, code: 'size_mismatch', difference }
  }
  const stated = file.hashes.find((hash) => hash.algorithm === copy.hash.algorithm)
  if (stated === undefined) return { kind: 'open', file }
  if (stated.value === copy.hash.value) return { kind: 'good', file }
  const difference = `The provider's ${stated.algorithm} of the copy is not that of the archive`
  return { kind: 'bad', file, code: 'hash_mismatch', difference }
}

const NO_HASH = 'The provider states no hash of the copy, so it cannot be proven.'
const LOOK_AT_IT = 'Look at the copy, then re-upload.'
const VANISHED = 'The provider took the file and does not have it any more.'

function notYet(looks: LooksInVain, patience: Patience): StepError {
  const fact =
    looks.lacking === 'file'
      ? 'The provider does not show the file that it took.'
      : 'The provider states no hash of the copy.'
  return new StepError('upload_unverified', fact, { retryAfterMs: pauseMs(looks, patience) })
}

/** Not to be tried again in this activity. */
function final(code: ErrorCode, fact: string, advice?: string): Error {
  return toFailure(causeOf(new StepError(code, fact, { advice })), true)
}

function whatBecameOf(copy: UploadedCopy): string {
  return copy.already_present
    ? 'it is left as it is, because it was there before this upload'
    : 'it was removed'
}

async function removeBadCopy(
  deps: ActivityDeps,
  input: VerifyInput,
  provider: Provider,
  file: RemoteFile,
  signal: AbortSignal,
): Promise<void> {
  const { copy } = input
  await auditDestination(deps.db, input, 'hash_mismatch', {
    remote_id: file.id,
    remote_path: copy.remote_path,
    local: { size: copy.size, hash: copy.hash },
    remote: { size: file.size, hashes: file.hashes },
  })
  // A file that was there before this upload is not removed.
  if (!copy.already_present) {
    const outcome = await provider.deleteFile({ id: file.id, revision: file.revision }, signal)
    await auditDestination(deps.db, input, 'bad_copy_removed', {
      remote_id: file.id,
      remote_path: copy.remote_path,
      outcome,
    })
  }
  await deleteOwnSession(deps, input)
}

/** The next upload looks for this file before it sends anything: it may still appear. */
async function noteVanished(deps: ActivityDeps, input: VerifyInput): Promise<void> {
  const { copy, run_id, account_id } = input
  await auditDestination(deps.db, input, 'copy_vanished', {
    remote_id: copy.remote_id,
    remote_path: copy.remote_path,
  })
  const row = await getSession(deps.db, run_id, account_id)
  const stored = row === null ? null : openSession(deps.vault, row)
  if (row === null || stored === null) return
  const session = keptForm({ ...readKept(stored), vanished: copy.remote_id })
  await resendSession(deps.db, deps.vault, row, session)
}

async function record(
  deps: ActivityDeps,
  input: VerifyInput,
  file: RemoteFile,
  verified_by: 'size_and_hash' | 'size_and_content',
): Promise<VerifiedState> {
  const { copy, run_id, account_id } = input
  const settled: VerifiedState = {
    remote_id: file.id,
    remote_path: copy.remote_path,
    size: copy.size,
    hash: copy.hash,
    bytes_sent: copy.already_present ? 0 : copy.size,
    attempt: copy.attempt,
    started_at: copy.started_at,
    finished_at: new Date().toISOString(),
  }
  if (!copy.already_present) {
    await recordUploadedFile(deps.db, {
      account_id,
      remote_id: file.id,
      run_id,
      remote_path: copy.remote_path,
      size: copy.size,
      hash: copy.hash,
      uploaded_at: file.uploaded_at,
    })
  }
  await saveDestination(deps.db, run_id, account_id, { ...settled, status: 'uploaded', error: null })
  await auditDestination(deps.db, input, 'upload_verified', {
    remote_id: file.id,
    remote_path: copy.remote_path,
    size: copy.size,
    hash: copy.hash,
    verified_by,
    already_present: copy.already_present,
  })
  await deleteOwnSession(deps, input)
  return settled
}

async function deleteOwnSession(deps: ActivityDeps, input: VerifyInput): Promise<void> {
  const row = await getSession(deps.db, input.run_id, input.account_id)
  if (row !== null)
    await deleteSession(deps.db, { run_id: input.run_id, account_id: input.account_id, claim: row.claim })
}
