// The upload activity: one attempt to bring one archive to one destination. It claims the stored session (an older attempt
// that still runs loses it), goes on from where the provider stands, and keeps the session for the next attempt; or, when
// the upload was cancelled, for abort-upload.ts, which looks for what has arrived.

import { CancelledFailure, Context } from '@temporalio/activity'
import type { ApplicationFailure } from '@temporalio/common'
import type { SessionClaim } from '../../db/uploads/claims.ts'
import { isErrorCode } from '../../workflows/errors.ts'
import { explanationOf } from '../../workflows/explanation.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, toFailure } from '../failures.ts'
import { type Provider, ProviderError } from '../providers/provider.ts'
import { knownRun } from '../runs/load-run.ts'
import { outlastAbsence } from '../worker/database-absence.ts'
import { type Heartbeats, startHeartbeats } from '../worker/heartbeats.ts'
import { archiveOf, refuseTooLarge } from './archive-to-send.ts'
import { type Attempt, beginAttempt, recordEnd, shownState } from './attempt.ts'
import { judgeAttempt } from './retry-or-fail.ts'
import { sendArchive } from './send-archive.ts'
import { giveTurnBack, holdTurn } from './turn.ts'
import type { UploadedCopy, UploadInput } from './uploaded-copy.ts'

type UploadActivities = {
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
    // An activity that has sent a heartbeat before has waited before, also where a person has ended the wait.
    if (input.resume_after !== undefined && context.info.heartbeatDetails === undefined) {
      beats.say(() => ({ waits: true }))
      throw waitFirst(input.resume_after)
    }
    return await attemptWhileBeating(deps, input, context, beats)
  } finally {
    beats.stop()
  }
}

/** The wait is Temporal's: it holds no slot of a worker, shows when it ends, and can be ended early. */
function waitFirst({ pause_ms, error }: NonNullable<UploadInput['resume_after']>): ApplicationFailure {
  const code = isErrorCode(error.code) ? error.code : 'internal_error'
  return toFailure({ code, ...explanationOf(error), retryAfterMs: pause_ms, details: {} }, false)
}

async function attemptWhileBeating(
  deps: ActivityDeps,
  input: UploadInput,
  context: Context,
  beats: Heartbeats,
): Promise<UploadedCopy> {
  const now = new Date().toISOString()
  const run = await knownRun(deps, input.run_id)
  const upload = { archive: archiveOf(run), shown: shownState(run, input.account_id) }
  await holdTurn(deps, input)
  const attempt = await beginAttempt(deps, input, upload, { context, beats, now })
  try {
    return await endAttempt(deps, attempt, await runAttempt(deps, attempt))
  } finally {
    await attempt.progress.stop()
    if (!context.cancellationSignal.aborted) await giveTurnBack(deps, attempt.claim)
  }
}

type Outcome =
  | { readonly kind: 'uploaded'; readonly copy: UploadedCopy }
  /** The cancellation may also be that of a worker that shuts down. */
  | { readonly kind: 'cancelled'; readonly error: unknown }
  /** `provider` is null where the account could not be opened. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly provider: Provider | null }

/** Never rejects. */
async function runAttempt(deps: ActivityDeps, attempt: Attempt): Promise<Outcome> {
  const { input, claim, row, archive, started_at, progress, signal } = attempt
  let provider: Provider | null = null
  try {
    provider = (await outlastAbsence(() => deps.accounts.open(input.account_id), signal)).provider
    refuseTooLarge(archive.size, provider)
    const rate = attempt.watchRate(provider)
    await progress.begin({ size: archive.size, attempt: row.claim, started_at })
    const sent = await sendArchive(deps, input, { provider, archive, row, claim, progress, rate, signal })
    await progress.arrived()
    return { kind: 'uploaded', copy: { ...sent, attempt: row.claim, started_at } }
  } catch (error) {
    if (attempt.context.cancellationSignal.aborted) return { kind: 'cancelled', error }
    return { kind: 'failed', error, provider }
  }
}

/** Records how the attempt ended. Throws the failure for Temporal where it has not uploaded the archive. */
async function endAttempt(deps: ActivityDeps, attempt: Attempt, outcome: Outcome): Promise<UploadedCopy> {
  switch (outcome.kind) {
    case 'uploaded':
      await recordEnd(deps, attempt, 'uploaded')
      return outcome.copy
    case 'cancelled': {
      await attempt.progress.stop()
      const isWanted = attempt.context.cancellationDetails?.cancelRequested === true
      await recordEnd(deps, attempt, isWanted ? 'cancelled' : 'retrying')
      throw outcome.error instanceof CancelledFailure
        ? outcome.error
        : new CancelledFailure('cancelled while uploading')
    }
    case 'failed':
      throw await endFailed(deps, attempt, outcome)
  }
}

async function endFailed(
  deps: ActivityDeps,
  attempt: Attempt,
  { error, provider }: Extract<Outcome, { kind: 'failed' }>,
): Promise<ApplicationFailure> {
  const { input, claim, progress, fault, context } = attempt
  const cause = causeOf(fault.aborted ? fault.reason : error)
  if (cause.code === 'internal_error') {
    const { run_id, account_id } = input
    deps.log.error({ err: error, run_id, account_id }, 'an upload failed in a way nobody foresaw')
  }
  if (error instanceof ProviderError && error.httpStatus !== undefined) progress.refused()
  const { binding_id } = input
  const failed = { claim, binding_id, progress, row: await progress.stop(), provider, cause }
  const failure = await outlastAbsence(() => judgeAttempt(deps, failed), context.cancellationSignal).catch(
    (reason: unknown) => failedJudgement(deps, claim, reason),
  )
  await recordEnd(deps, attempt, failure.nonRetryable === true ? 'failed' : 'retrying', cause)
  return failure
}

/** The claim may be lost, or the database away, by the time an attempt is judged. */
function failedJudgement(deps: ActivityDeps, claim: SessionClaim, reason: unknown): ApplicationFailure {
  const cause = causeOf(reason)
  if (cause.code === 'internal_error')
    deps.log.error({ err: reason, ...claim }, 'a failed upload could not be judged')
  return toFailure(cause)
}
