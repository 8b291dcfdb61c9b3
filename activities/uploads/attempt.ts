// One attempt of an upload, from its claim to its row in the attempts.

import type { Context } from '@temporalio/activity'
import type { Run, UploadSessionRow } from '../../db/schema.ts'
import { finishAttempt, startAttempt } from '../../db/uploads/attempts.ts'
import type { SessionClaim } from '../../db/uploads/claims.ts'
import { claimSession } from '../../db/uploads/sessions.ts'
import type { DestinationState } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { type Cause, StepError, statusErrorFrom } from '../failures.ts'
import type { Provider } from '../providers/provider.ts'
import { outlastAbsence } from '../worker/database-absence.ts'
import type { Heartbeats } from '../worker/heartbeats.ts'
import type { ArchiveToSend } from './archive-to-send.ts'
import { startProgress, type UploadProgress } from './progress.ts'
import { type RateWatch, watchRate } from './rate-watch.ts'
import { renewTurn } from './turn.ts'
import type { UploadInput } from './uploaded-copy.ts'

export type Attempt = {
  readonly input: UploadInput
  readonly context: Context
  /** The row of the attempt. */
  readonly id: number
  readonly claim: SessionClaim
  /** The session as earlier attempts left it. */
  readonly row: UploadSessionRow
  readonly archive: ArchiveToSend
  /** When the first attempt of the upload began. */
  readonly started_at: string
  readonly progress: UploadProgress
  /** Aborted by a cancellation, and by `fault`. */
  readonly signal: AbortSignal
  /** Aborted while bytes flow when the claim is lost, or the database away for long: a failure of its own. */
  readonly fault: AbortSignal
  /** Measures the rate from here on, by what the provider allows. */
  watchRate(provider: Provider): RateWatch
}

/** Claims the session, so that an older attempt that still runs loses it, and starts to show how far the upload is. */
export async function beginAttempt(
  deps: ActivityDeps,
  input: UploadInput,
  upload: { readonly archive: ArchiveToSend; readonly shown: DestinationState },
  { context, beats, now }: { readonly context: Context; readonly beats: Heartbeats; readonly now: string },
): Promise<Attempt> {
  const { archive, shown } = upload
  const { row, id } = await claimUpload(deps, input, archive)
  const claim = { run_id: input.run_id, account_id: input.account_id, claim: row.claim }
  const fault = new AbortController()
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
    rateWarning: (position) => rate?.warning(position) ?? null,
    renewTurn: async () => void (await renewTurn(deps, input)),
  })
  return {
    input,
    context,
    id,
    claim,
    row,
    archive,
    started_at: shown.started_at ?? now,
    progress,
    signal: AbortSignal.any([context.cancellationSignal, fault.signal]),
    fault: fault.signal,
    watchRate: (provider) => {
      rate = watchRate(archive.size, provider.limits.sessionLifeMs)
      return rate
    },
  }
}

/** Never rejects: the result of the attempt matters more than its row, and the next attempt closes a row that stays open. */
export async function recordEnd(
  deps: ActivityDeps,
  { id, claim, context, progress }: Attempt,
  outcome: 'uploaded' | 'retrying' | 'failed' | 'cancelled',
  cause?: Cause,
): Promise<void> {
  const end = {
    outcome,
    bytes_sent: progress.sentBytes,
    from_offset: progress.fromOffset,
    error: cause === undefined ? null : statusErrorFrom(cause),
  }
  await outlastAbsence(() => finishAttempt(deps.db, id, end), context.cancellationSignal).catch(
    (error: unknown) => deps.log.warn({ err: error, ...claim }, 'the end of an attempt was not recorded'),
  )
}

/** The destination as it is shown while the attempt begins. Throws StepError `run_unknown`. */
export function shownState(run: Run, accountId: string): DestinationState {
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
): Promise<Pick<Attempt, 'row' | 'id'>> {
  return db.transaction().execute(async (trx) => {
    const row = await claimSession(trx, run_id, account_id, {
      remote_folder: folder,
      remote_name: archive.remote_name,
      archive_size: archive.size,
      archive_mtime_ns: archive.mtime_ns,
    })
    return { row, id: (await startAttempt(trx, { run_id, account_id, attempt: row.claim })).id }
  })
}
