// The proof (design.md, rule 1): the provider itself states the file with the archive's size and the hash of the bytes that
// were read. Only this step marks a destination as uploaded. A copy that differs is removed here, by its ID.

import { Context } from '@temporalio/activity'
import { appendAudit } from '../db/audit.ts'
import { saveDestination } from '../db/runs.ts'
import { forgetSession, getSession } from '../db/upload-sessions.ts'
import { recordUploadedFile } from '../db/uploaded-files.ts'
import { formatBytes } from '../workflows/destination.ts'
import type { DestinationState, FileHash, ProviderKind } from '../workflows/types.ts'
import type { ActivityDeps } from './dependencies.ts'
import { causeOf, StepError, toFailure } from './failures.ts'
import type { Provider, RemoteFile } from './providers/provider.ts'
import type { UploadedCopy } from './upload-archive.ts'

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

export type VerifyActivities = {
  /**
   * Resolves with what is settled. Fails with `hash_mismatch` or `size_mismatch` (the copy is removed; not to be retried as
   * it is), or `upload_unverified` while the provider does not state the file.
   */
  verifyUpload(input: VerifyInput): Promise<VerifiedState>
}

/** A hash may come a little after the file (providers.md 3.3); after these tries size alone counts, and it is said. */
const TRIES_FOR_HASH = 5
/** A file that the provider does not know so often is not there. */
const TRIES_FOR_FILE = 8

export function createVerifyActivities(deps: ActivityDeps): VerifyActivities {
  return {
    verifyUpload: async (input) => {
      const { copy } = input
      const { attempt } = Context.current().info
      const signal = Context.current().cancellationSignal
      const { provider } = await deps.accounts.open(input.account_id)
      const beats = setInterval(() => Context.current().heartbeat(), 5_000)
      try {
        const file = await provider.getFile(copy.remote_id, signal)
        if (file === null) throw missing(attempt)
        const verdict = judge(file, copy, attempt, provider.kind)
        if (verdict.kind === 'bad') {
          await removeBadCopy(deps, input, provider, file, signal)
          throw toFailure(causeOf(new StepError(verdict.code, verdict.message)), true)
        }
        return await record(deps, input, file, verdict.hash)
      } finally {
        clearInterval(beats)
      }
    },
  }
}

type Verdict =
  | { readonly kind: 'good'; readonly hash: FileHash | null }
  | { readonly kind: 'bad'; readonly code: 'hash_mismatch' | 'size_mismatch'; readonly message: string }

function judge(file: RemoteFile, copy: UploadedCopy, attempt: number, kind: ProviderKind): Verdict {
  if (file.size !== copy.size) {
    const message = `the copy has ${formatBytes(file.size)} (${file.size} bytes) instead of ${copy.size}`
    return { kind: 'bad', code: 'size_mismatch', message }
  }
  const stated = file.hashes.find((hash) => hash.algorithm === copy.hash.algorithm)
  if (stated !== undefined) {
    if (stated.value === copy.hash.value) return { kind: 'good', hash: copy.hash }
    return {
      kind: 'bad',
      code: 'hash_mismatch',
      message: `the provider's ${stated.algorithm} of the copy differs`,
    }
  }
  if (attempt < TRIES_FOR_HASH)
    throw new StepError('upload_unverified', 'the provider states no hash of the copy yet')
  // Only Microsoft may leave a file without a hash for good (providers.md 3.3): size is the proof then, and it is said.
  if (kind === 'onedrive') return { kind: 'good', hash: null }
  const error = new StepError(
    'upload_unverified',
    'The provider states no hash of the copy. It cannot be proven: look at it, then re-upload.',
  )
  throw toFailure(causeOf(error), true)
}

function missing(attempt: number): Error {
  const error = new StepError('upload_unverified', 'the provider does not know the file that it just took')
  return attempt < TRIES_FOR_FILE ? error : toFailure(causeOf(error), true)
}

async function removeBadCopy(
  deps: ActivityDeps,
  input: VerifyInput,
  provider: Provider,
  file: RemoteFile,
  signal: AbortSignal,
): Promise<void> {
  const { copy } = input
  await audit(deps, input, 'hash_mismatch', {
    remote_id: file.id,
    remote_path: copy.remote_path,
    local: { size: copy.size, hash: copy.hash },
    remote: { size: file.size, hashes: file.hashes },
  })
  // A file that was there before us is not ours to remove.
  if (!copy.already_present) {
    const outcome = await provider.deleteFile({ id: file.id, revision: file.revision }, signal)
    await audit(deps, input, 'bad_copy_removed', {
      remote_id: file.id,
      remote_path: copy.remote_path,
      outcome,
    })
  }
  await forget(deps, input)
}

async function record(
  deps: ActivityDeps,
  input: VerifyInput,
  file: RemoteFile,
  hash: FileHash | null,
): Promise<VerifiedState> {
  const { copy, run_id, account_id } = input
  const settled: VerifiedState = {
    remote_id: file.id,
    remote_path: copy.remote_path,
    size: copy.size,
    hash,
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
  await audit(deps, input, 'upload_verified', {
    remote_id: file.id,
    remote_path: copy.remote_path,
    size: copy.size,
    hash,
    verified_by: hash === null ? 'size' : 'size_and_hash',
    already_present: copy.already_present,
  })
  await forget(deps, input)
  return settled
}

async function forget(deps: ActivityDeps, input: VerifyInput): Promise<void> {
  const row = await getSession(deps.db, input.run_id, input.account_id)
  if (row !== null)
    await forgetSession(deps.db, { run_id: input.run_id, account_id: input.account_id, claim: row.claim })
}

async function audit(
  deps: ActivityDeps,
  input: VerifyInput,
  event: 'hash_mismatch' | 'bad_copy_removed' | 'upload_verified',
  details: Record<string, unknown>,
): Promise<void> {
  await appendAudit(deps.db, {
    actor: 'workflow',
    event,
    instance_slug: input.instance,
    run_id: input.run_id,
    account_id: input.account_id,
    binding_id: input.binding_id,
    details,
  })
}
