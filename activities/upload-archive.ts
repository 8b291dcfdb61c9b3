// The upload activity: one attempt to bring one archive to one destination. It claims the stored session (an older attempt
// that still runs loses it), goes on from where the provider stands, and keeps the session for the next attempt; or, when
// the upload was cancelled, for the look at what has arrived (abort-upload.ts).

import { basename } from 'node:path'
import { CancelledFailure, Context } from '@temporalio/activity'
import type { ApplicationFailure } from '@temporalio/common'
import { finishAttempt, type StartedAttempt, startAttempt } from '../db/attempts.ts'
import { appendAudit } from '../db/audit.ts'
import type { Run, UploadSessionRow } from '../db/schema.ts'
import {
  assertClaim,
  ClaimLost,
  claimSession,
  dropSession,
  openSession,
  restartSession,
  type SessionClaim,
  saveArchiveHash,
  saveSession,
} from '../db/upload-sessions.ts'
import { releaseOwnSlot, takeSlot } from '../db/upload-slots.ts'
import { formatBytes } from '../workflows/destination.ts'
import { isErrorCode } from '../workflows/errors.ts'
import { namesForRun } from '../workflows/remote-name.ts'
import type { DestinationState, FileHash, StatusError } from '../workflows/types.ts'
import { refuseWhilePaused } from './account-pause.ts'
import { type OpenArchive, openArchiveSource } from './archive-source.ts'
import { TURN_LEASE_MS } from './await-turn.ts'
import type { ActivityDeps } from './dependencies.ts'
import { judgeAttempt } from './failed-attempt.ts'
import { causeOf, StepError, statusErrorFrom, toFailure } from './failures.ts'
import { type Heartbeats, startHeartbeats } from './heartbeats.ts'
import { providerSession } from './kept-session.ts'
import { knownRun } from './pin-archive.ts'
import {
  type Provider,
  ProviderError,
  type RemoteFile,
  type RemoteFolder,
  type UploadSession,
} from './providers/provider.ts'
import { outlastAbsence } from './short-absence.ts'
import { isUnwanted, leaveUnwanted, refuseUnwanted } from './unwanted-upload.ts'
import { startProgress, type UploadProgress } from './upload-progress.ts'
import { type RateWatch, watchRate } from './upload-rate.ts'
import { type SessionStore, type TransferNote, type Transferred, transfer } from './upload-transfer.ts'

export type UploadInput = {
  readonly run_id: string
  readonly instance: string
  readonly account_id: string
  readonly binding_id: string
  readonly folder: string
  /** With what the attempts before this activity have ended: the first of its own waits as long as that asks. */
  readonly resume_after?: { readonly pause_ms: number; readonly error: StatusError }
}

/** What was uploaded and is to be proven. */
export type UploadedCopy = {
  readonly remote_id: string
  readonly remote_path: string
  readonly size: number
  /** Of the bytes that were read here. */
  readonly hash: FileHash
  readonly already_present: boolean
  readonly uploaded_at: string
  readonly attempt: number
  readonly started_at: string
}

export type UploadActivities = {
  /** Fails with a code of workflows/errors.ts; heartbeats `{ bytes_sent, stored_bytes, size, told_bytes }`. */
  uploadArchive(input: UploadInput): Promise<UploadedCopy>
}

export function createUploadActivities(deps: ActivityDeps): UploadActivities {
  return { uploadArchive: (input) => attemptUpload(deps, input) }
}

async function attemptUpload(deps: ActivityDeps, input: UploadInput): Promise<UploadedCopy> {
  const context = Context.current()
  const beats = startHeartbeats(context)
  try {
    // Whoever has beaten before has waited before, also where a person has ended the wait.
    if (input.resume_after !== undefined && context.info.heartbeatDetails === undefined) {
      beats.say(() => ({ waits: true }))
      throw waitFirst(input.resume_after)
    }
    return await attemptWhileBeating(deps, input, beats)
  } finally {
    beats.stop()
  }
}

/** The wait is Temporal's: it holds no slot, shows when it ends, and can be ended early. */
function waitFirst({ pause_ms, error }: NonNullable<UploadInput['resume_after']>): ApplicationFailure {
  const code = isErrorCode(error.code) ? error.code : 'internal_error'
  return toFailure({ code, message: error.message, retryAfterMs: pause_ms, details: {} }, false)
}

async function attemptWhileBeating(
  deps: ActivityDeps,
  input: UploadInput,
  beats: Heartbeats,
): Promise<UploadedCopy> {
  const { db } = deps
  const { run_id, account_id } = input
  const context = Context.current()
  const startedAt = new Date().toISOString()
  const run = await knownRun(deps, run_id)
  const archive = archiveOf(run)
  const shown = shownState(run, account_id)
  await holdPlace(deps, input).catch(async (reason: unknown) => {
    if (isUnwanted(causeOf(reason).code)) await leaveUnwanted(deps, input, null)
    throw reason
  })
  const { row, attempt } = await claimUpload(deps, input, archive)
  const claim: SessionClaim = { run_id, account_id, claim: row.claim }
  // The claim may be lost, or the database away for long, while bytes flow: that ends this attempt as a failure of its own.
  const fault = new AbortController()
  const signal = AbortSignal.any([context.cancellationSignal, fault.signal])
  let provider: Provider | null = null
  let rate: RateWatch | null = null
  const progress = startProgress({
    deps,
    context,
    beats,
    claim,
    size: archive.size,
    row,
    shown,
    onFault: (error) => fault.abort(error),
    remark: (position) => rate?.remark(position) ?? null,
    renewPlace: async () => void (await takePlace(deps, input)),
  })
  const finish = (
    outcome: 'uploaded' | 'retrying' | 'failed' | 'cancelled',
    cause?: ReturnType<typeof causeOf>,
  ) =>
    outlastAbsence(
      () =>
        finishAttempt(db, attempt.id, {
          outcome,
          bytes_sent: progress.sentBytes,
          from_offset: progress.fromOffset,
          error: cause === undefined ? null : statusErrorFrom(cause),
        }),
      context.cancellationSignal,
    ).catch((error: unknown) => {
      // The next attempt closes it; what became of this one is worth more than its row.
      deps.log.warn({ err: error, ...claim }, 'the end of an attempt was not recorded')
    })
  try {
    provider = (await outlastAbsence(() => deps.accounts.open(account_id), signal)).provider
    refuseTooLarge(archive.size, provider)
    rate = watchRate(archive.size, provider.limits.sessionLifeMs)
    const started_at = shown.started_at ?? startedAt
    await progress.begin({ size: archive.size, attempt: row.claim, started_at })
    const done = await sendArchive(deps, input, { provider, archive, row, claim, progress, rate, signal })
    await progress.arrived()
    await finish('uploaded')
    return { ...done, attempt: row.claim, started_at }
  } catch (error) {
    if (context.cancellationSignal.aborted) {
      await progress.stop()
      const isWanted = context.cancellationDetails?.cancelRequested === true
      await finish(isWanted ? 'cancelled' : 'retrying')
      throw error instanceof CancelledFailure ? error : new CancelledFailure('cancelled while uploading')
    }
    const cause = causeOf(fault.signal.aborted ? fault.signal.reason : error)
    if (cause.code === 'internal_error')
      deps.log.error({ err: error, run_id, account_id }, 'an upload failed in a way nobody foresaw')
    if (error instanceof ProviderError && error.httpStatus !== undefined) progress.refused()
    const { binding_id } = input
    const failed = { claim, binding_id, progress, row: await progress.stop(), provider, cause }
    const failure = await outlastAbsence(() => judgeAttempt(deps, failed), context.cancellationSignal).catch(
      (reason: unknown) => failedJudgement(deps, claim, reason),
    )
    await finish(failure.nonRetryable === true ? 'failed' : 'retrying', cause)
    throw failure
  } finally {
    await progress.stop()
    if (!context.cancellationSignal.aborted) {
      await releaseOwnSlot(db, claim).catch((error: unknown) => {
        // Its lease ends by itself; what the attempt has found out must not be lost for it.
        deps.log.warn({ err: error, ...claim }, 'the place at the account was not given back')
      })
    }
  }
}

/** The destination as it is shown while the attempt begins. */
function shownState(run: Run, accountId: string): DestinationState {
  const shown = run.cloud_sync_status[accountId]
  if (shown === undefined)
    throw new StepError('run_unknown', 'the database does not know this destination of the run')
  return shown
}

/** The claim and the attempt that has its number: both or none. */
async function claimUpload(
  { db }: ActivityDeps,
  { run_id, account_id, folder }: UploadInput,
  archive: ArchiveToSend,
): Promise<{ row: UploadSessionRow; attempt: StartedAttempt }> {
  return db.transaction().execute(async (trx) => {
    const row = await claimSession(trx, run_id, account_id, {
      remote_folder: folder,
      remote_name: archive.remote_name,
      archive_size: archive.size,
      archive_mtime_ns: archive.mtime_ns,
    })
    return { row, attempt: await startAttempt(trx, { run_id, account_id, attempt: row.claim }) }
  })
}

/** The claim may be lost, or the database away, by the time an attempt is judged. */
function failedJudgement(deps: ActivityDeps, claim: SessionClaim, reason: unknown): ApplicationFailure {
  const cause = causeOf(reason)
  if (cause.code === 'internal_error')
    deps.log.error({ err: reason, ...claim }, 'a failed upload could not be judged')
  return toFailure(cause)
}

type ArchiveToSend = {
  readonly path: string
  readonly name: string
  /** What it is called at the destination: the name of the file itself, for its link may have another one. */
  readonly remote_name: string
  readonly size: number
  readonly mtime_ns: string
}

function archiveOf(run: Run): ArchiveToSend {
  const path = run.pin_path ?? run.archive_path
  if (path === null || run.size === null || run.archive_mtime_ns === null) {
    throw new StepError('run_unknown', 'the database knows no archive of this run')
  }
  return {
    path,
    name: run.archive,
    remote_name: basename(run.archive_path ?? path),
    size: run.size,
    mtime_ns: run.archive_mtime_ns,
  }
}

/** Known before the first byte (providers.md, section 0). */
function refuseTooLarge(size: number, provider: Provider): void {
  const { maxFileBytes } = provider.limits
  if (size <= maxFileBytes) return
  throw new StepError(
    'archive_too_large',
    `the archive has ${formatBytes(size)}, and ${provider.kind} takes files of at most ${formatBytes(maxFileBytes)}`,
  )
}

/** The lease from `awaitTurn` may have run out while the activity waited for a worker, or in a backoff. */
async function holdPlace(deps: ActivityDeps, input: UploadInput): Promise<void> {
  await refuseWhilePaused(deps.db, input.account_id)
  if (await takePlace(deps, input)) return
  throw new StepError('account_busy', 'Other uploads to this account go first; this one follows.', 5_000)
}

/** Takes or renews the place, unless account or binding are gone. */
async function takePlace(deps: ActivityDeps, input: UploadInput): Promise<boolean> {
  await refuseUnwanted(deps.db, input)
  return takeSlot(deps.db, {
    accountId: input.account_id,
    runId: input.run_id,
    limit: deps.config.uploadsPerAccount,
    leaseMs: TURN_LEASE_MS,
  })
}

type Sending = {
  readonly provider: Provider
  readonly archive: ArchiveToSend
  readonly row: UploadSessionRow
  readonly claim: SessionClaim
  readonly progress: UploadProgress
  readonly rate: RateWatch
  readonly signal: AbortSignal
}

type Sent = Omit<UploadedCopy, 'attempt' | 'started_at'>

async function sendArchive(deps: ActivityDeps, input: UploadInput, sending: Sending): Promise<Sent> {
  const { provider, archive, claim, progress, rate, signal } = sending
  const source = await openArchiveSource(archive, provider.hashAlgorithm)
  try {
    const folder = await provider.ensureFolder(input.folder, signal)
    const noted = new Set<string>()
    const { file, local, already_present } = await transfer({
      provider,
      folder,
      names: namesForRun(archive.remote_name, input.run_id).map((name) => provider.remoteName(name)),
      about: { runId: input.run_id, instance: input.instance, size: archive.size },
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
          // One word an attempt is enough of a connection that breaks twenty times.
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

/** A copy of which everything has left is proven by it, whatever becomes of this attempt. */
async function keepHash(deps: ActivityDeps, claim: SessionClaim, source: OpenArchive): Promise<void> {
  const hash = source.known()
  if (hash === null) return
  await saveArchiveHash(deps.db, claim, hash).catch((error: unknown) => {
    if (!(error instanceof ClaimLost)) deps.log.warn({ err: error, ...claim }, 'the hash was not kept')
  })
}

export function pathOf(folder: RemoteFolder, file: RemoteFile): string {
  return `${folder.path === '/' ? '' : folder.path}/${file.name}`
}

/** Where the provider states another hash than the one computed while sending, the archive is read once more. */
export async function comparableHash(
  { file, local }: Transferred,
  source: Pick<OpenArchive, 'digestBy'>,
  signal: AbortSignal,
): Promise<FileHash> {
  const stated = file.hashes[0]
  const isComparable = stated === undefined || file.hashes.some((hash) => hash.algorithm === local.algorithm)
  return isComparable ? local : source.digestBy(stated.algorithm, signal)
}

async function sessionStore(deps: ActivityDeps, sending: Sending): Promise<SessionStore> {
  const { db, vault } = deps
  const { claim, row, provider, archive, progress, rate, signal } = sending
  let session: UploadSession | null = openSession(vault, row)
  const isOtherArchive = row.archive_size !== archive.size || row.archive_mtime_ns !== archive.mtime_ns
  if (session !== null && isOtherArchive) {
    await provider.abortSession(providerSession(session), signal)
    await dropSession(db, claim, {
      remote_folder: row.remote_folder,
      remote_name: row.remote_name,
      archive_size: archive.size,
      archive_mtime_ns: archive.mtime_ns,
    })
    session = null
  }
  if (session !== null) rate.enterSession(session.created_at)
  return {
    load: () => session,
    save: async (changed) => {
      await outlastAbsence(() => saveSession(db, vault, claim, changed), signal)
      session = changed
      rate.enterSession(changed.created_at)
    },
    drop: async () => {
      await outlastAbsence(() => dropSession(db, claim), signal)
      progress.startOver()
      session = null
    },
    restart: async () => {
      const restarted = await restartSession(db, claim)
      progress.startOver()
      session = null
      return restarted.restarts
    },
  }
}

async function writeNote(
  deps: ActivityDeps,
  input: UploadInput,
  claim: SessionClaim,
  note: TransferNote,
): Promise<void> {
  const { event, ...details } = note
  // What an attempt finds after another one took over is the other's doing.
  await assertClaim(deps.db, claim)
  await appendAudit(deps.db, {
    actor: 'workflow',
    event,
    instance_slug: input.instance,
    run_id: input.run_id,
    account_id: input.account_id,
    binding_id: input.binding_id,
    details: { ...details, attempt: claim.claim },
  })
}
