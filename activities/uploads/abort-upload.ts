// The end of a cancelled upload: nothing unknown is left at its destination. A file that arrived whole is found, and proven as
// any other copy; otherwise the session is given up. Idempotent.

import { Context } from '@temporalio/activity'
import type { Run, UploadSessionRow } from '../../db/schema.ts'
import { closeOpenAttempts } from '../../db/uploads/attempts.ts'
import { deleteSession, getSession, openSession } from '../../db/uploads/sessions.ts'
import { releaseTurn } from '../../db/uploads/turns.ts'
import type { FileHash } from '../../workflows/types.ts'
import { openArchiveSource } from '../archives/archive-source.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { StepError } from '../failures.ts'
import type { VerifiedState } from '../proofs/verify-upload.ts'
import type { ArrivedFile, Provider } from '../providers/provider.ts'
import { knownRun } from '../runs/load-run.ts'
import { whileBeating } from '../worker/heartbeats.ts'
import { arrivedFile, type Stopped } from './arrived-copy.ts'
import { readKept } from './kept-session.ts'
import { comparableHash, pathOf } from './send-archive.ts'
import { type Comparison, isNameTaken, recogniseFile } from './transfer/recognise-file.ts'
import type { UploadedCopy } from './uploaded-copy.ts'

export type AbandonedUpload =
  /** Nothing of it is at the destination. */
  | { readonly left: 'nothing' }
  /** A whole file is at the destination, and is to be proven. */
  | { readonly left: 'copy'; readonly copy: UploadedCopy }
  /** It was proven before the cancellation came. */
  | { readonly left: 'proven'; readonly settled: VerifiedState }
  /** A file of its size is there, and only the archive shows whether it is the copy. This worker cannot read the archive. */
  | { readonly left: 'unread' }

type AbortActivities = {
  /**
   * `copy` is what was sent and awaits its proof. Rejects while the provider cannot be asked; the session is kept then, to be
   * continued by a re-upload, or given up later.
   */
  abortUpload(input: { run_id: string; account_id: string; copy?: UploadedCopy }): Promise<AbandonedUpload>
}

/** Bytes that have left may not be counted yet: at most one piece of the archive. */
const UNCOUNTED_BYTES = 1024 * 1024

export function createAbortActivities(deps: ActivityDeps): AbortActivities {
  return {
    abortUpload: (input) => whileBeating(() => abandonUpload(deps, input, Context.current())),
  }
}

async function abandonUpload(
  deps: ActivityDeps,
  input: Parameters<AbortActivities['abortUpload']>[0],
  context: Context,
): Promise<AbandonedUpload> {
  const { db, vault } = deps
  const { run_id, account_id } = input
  const signal = context.cancellationSignal
  await releaseTurn(db, account_id, run_id)
  const wasLost = (await closeOpenAttempts(db, input, 'cancelled')) > 0
  const run = await knownRun(deps, run_id)
  const row = await getSession(db, run_id, account_id)
  const settled = provenState(run, account_id)
  if (settled !== null) {
    if (row !== null) await deleteSession(db, { run_id, account_id, claim: row.claim })
    return { left: 'proven', settled }
  }
  if (input.copy !== undefined) return { left: 'copy', copy: input.copy }
  if (row === null) return { left: 'nothing' }
  const stored = openSession(vault, row)
  if (stored !== null) {
    const { provider } = await deps.accounts.open(account_id)
    const kept = readKept(stored)
    const folder = kept.folder ?? (await provider.findFolder(row.remote_folder, signal))
    if (folder === null) {
      await provider.abortSession(kept.session, signal)
    } else {
      const target = {
        folder,
        name: kept.name,
        size: row.archive_size,
        runId: run_id,
        instance: run.instance_slug,
      }
      // The last bytes of a lost worker are not counted, nor what an earlier try of this step has sent.
      const mayBeWhole =
        wasLost || context.info.attempt > 1 || row.sent_bytes + UNCOUNTED_BYTES >= row.archive_size
      const stopped = { row, kept, target, provider, mayBeWhole }
      const file = await arrivedFile(deps, stopped, signal)
      const found = file === null ? null : await copyOf(run, stopped, file, signal)
      if (found !== null) return found
    }
  }
  await deleteSession(db, { run_id, account_id, claim: row.claim })
  return { left: 'nothing' }
}

function provenState(run: Run, accountId: string): VerifiedState | null {
  const state = run.cloud_sync_status[accountId]
  if (state?.status !== 'uploaded') return null
  const { remote_id, remote_path, size, hash, bytes_sent, attempt, started_at, finished_at } = state
  return { remote_id, remote_path, size, hash, bytes_sent, attempt, started_at, finished_at }
}

/** Null when the file at the name belongs to others. */
async function copyOf(
  run: Run,
  stopped: Stopped,
  file: ArrivedFile,
  signal: AbortSignal,
): Promise<AbandonedUpload | null> {
  const { provider, row, target } = stopped
  const source = createDigests(run, row, provider)
  try {
    const recognised = await recogniseFile({ provider, signal, source }, file)
    const copy: UploadedCopy = {
      remote_id: recognised.file.id,
      remote_path: pathOf(target.folder, recognised.file),
      size: target.size,
      hash: await comparableHash(recognised, source, signal),
      already_present: recognised.already_present,
      uploaded_at: recognised.file.uploaded_at,
      attempt: row.claim,
      started_at: run.cloud_sync_status[row.account_id]?.started_at ?? row.created_at,
    }
    return { left: 'copy', copy }
  } catch (error) {
    if (isNameTaken(error)) return null
    if (error instanceof StepError && UNREADABLE.has(error.code)) return { left: 'unread' }
    throw error
  } finally {
    await source.close()
  }
}

/** The failures of a worker that does not see the archive: it lies on another host's disk. */
const UNREADABLE: ReadonlySet<string> = new Set(['archive_missing', 'archive_unreadable', 'archive_changed'])

/** The archive's hashes: the one that the upload has left, or the archive read once more. */
function createDigests(run: Run, row: UploadSessionRow, provider: Provider) {
  let opened: ReturnType<typeof openArchiveSource> | undefined
  const archive = () => {
    opened ??= openArchiveSource(
      {
        path: run.pin_path ?? run.archive_path ?? '',
        name: run.archive,
        size: row.archive_size,
        mtime_ns: row.archive_mtime_ns,
      },
      provider.hashAlgorithm,
    )
    return opened
  }
  const known: FileHash | null = row.archive_hash
  const digests: Comparison['source'] & { close(): Promise<void> } = {
    size: row.archive_size,
    digest: async (signal) => known ?? (await archive()).digest(signal),
    digestBy: async (algorithm, signal) =>
      known?.algorithm === algorithm ? known : (await archive()).digestBy(algorithm, signal),
    close: async () => {
      const source = await opened?.catch(() => undefined)
      await source?.close()
    },
  }
  return digests
}
