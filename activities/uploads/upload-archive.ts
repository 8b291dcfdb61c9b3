// The upload activity: one attempt to bring one archive to one destination. It claims the stored session (an older attempt
// that still runs loses it), goes on from where the provider stands, and keeps the session for the next attempt; or, when
// the upload was cancelled, for the look at what has arrived (abort-upload.ts).

import { CancelledFailure, Context } from '@temporalio/activity'
import type { ApplicationFailure } from '@temporalio/common'
import type { Run, UploadSessionRow } from '../../db/schema.ts'
import { finishAttempt, type StartedAttempt, startAttempt } from '../../db/uploads/attempts.ts'
import type { SessionClaim } from '../../db/uploads/claims.ts'
import { claimSession } from '../../db/uploads/sessions.ts'
import { releaseOwnTurn, takeTurn } from '../../db/uploads/turns.ts'
import { explanationOf, isErrorCode } from '../../workflows/errors.ts'
import type { DestinationState } from '../../workflows/types.ts'
import { knownRun } from '../archives/pin-archive.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, StepError, statusErrorFrom, toFailure } from '../failures.ts'
import { type Provider, ProviderError } from '../providers/provider.ts'
import { outlastAbsence } from '../worker/database-absence.ts'
import { type Heartbeats, startHeartbeats } from '../worker/heartbeats.ts'
import { refuseWhilePaused } from './account-pause.ts'
import { type ArchiveToSend, archiveOf, refuseTooLarge } from './archive-to-send.ts'
import { judgeAttempt } from './attempt-verdict.ts'
import { TURN_LEASE_MS } from './await-turn.ts'
import { startProgress } from './progress.ts'
import { type RateWatch, watchRate } from './rate-watch.ts'
import { sendArchive } from './send-archive.ts'
import { isUnwanted, leaveUnwanted, refuseUnwanted } from './unwanted-upload.ts'
import type { UploadedCopy, UploadInput } from './uploaded-copy.ts'

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
  return toFailure({ code, ...explanationOf(error), retryAfterMs: pause_ms, details: {} }, false)
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
      await releaseOwnTurn(db, claim).catch((error: unknown) => {
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
    throw new StepError('run_unknown', 'The database does not know this destination of the run.')
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

/** The lease from `awaitTurn` may have run out while the activity waited for a worker, or in a backoff. */
async function holdPlace(deps: ActivityDeps, input: UploadInput): Promise<void> {
  await refuseWhilePaused(deps.db, input.account_id)
  if (await takePlace(deps, input)) return
  throw new StepError('account_busy', 'Other uploads to this account go first.', { retryAfterMs: 5_000 })
}

/** Takes or renews the place, unless account or binding are gone. */
async function takePlace(deps: ActivityDeps, input: UploadInput): Promise<boolean> {
  await refuseUnwanted(deps.db, input)
  return takeTurn(deps.db, {
    accountId: input.account_id,
    runId: input.run_id,
    limit: deps.config.uploadsPerAccount,
    leaseMs: TURN_LEASE_MS,
  })
}
