// What a failed attempt of an upload means: whether there is another one, and what the destination shows meanwhile. An
// attempt that lost its claim decides and writes nothing: another one goes on, or the destination is settled.

import type { ApplicationFailure } from '@temporalio/common'
import { attemptsSince, type EndedAttempt, type StartedAttempt } from '../db/attempts.ts'
import { assertClaim, getSession, type SessionClaim } from '../db/upload-sessions.ts'
import { type ErrorCode, isRetryable } from '../workflows/errors.ts'
import { pauseFor } from './account-pause.ts'
import type { ActivityDeps } from './dependencies.ts'
import { type Cause, causeOf, StepError, statusErrorFrom, toFailure } from './failures.ts'
import type { Provider } from './providers/provider.ts'
import { isUnwanted, leaveUnwanted, refuseUnwanted } from './unwanted-upload.ts'
import type { UploadProgress } from './upload-progress.ts'

const HOUR_MS = 3_600_000
/** Tried for this long without a byte of progress an upload is given up (design.md, rule 8). */
const PATIENCE_MS = 24 * HOUR_MS
/**
 * Attempts follow each other within five minutes, and a short Retry-After belongs to them. In a longer break nothing was
 * tried: no power, no worker, no place at the account, or a pause that the provider or we have set.
 */
const LONGEST_BREAK_MS = 15 * 60_000

/** What new credentials or settings of the account may mend. */
const OF_THE_ACCOUNT: ReadonlySet<ErrorCode> = new Set([
  'credentials_malformed',
  'credentials_refused',
  'credentials_expired',
  'permission_denied',
  'api_not_enabled',
  'account_misconfigured',
  'folder_missing',
])
const SOON_MS = 1_000

export type FailedAttempt = {
  readonly claim: SessionClaim
  readonly binding_id: string
  readonly attempt: StartedAttempt
  readonly progress: UploadProgress
  /** Null when the account could not be opened. */
  readonly provider: Provider | null
  readonly cause: Cause
}

/** The failure for Temporal, after the destination shows what is going on. Throws ClaimLost. */
export async function judgeAttempt(deps: ActivityDeps, failed: FailedAttempt): Promise<ApplicationFailure> {
  const { claim, progress, provider } = failed
  const upload = { ...claim, binding_id: failed.binding_id }
  await assertClaim(deps.db, claim)
  const cause = await refuseUnwanted(deps.db, upload).then(() => failed.cause, causeOf)
  // The bytes of an archive that has changed are of no use to any session.
  if (isUnwanted(cause.code) || cause.code === 'archive_changed') {
    await leaveUnwanted(deps, upload, provider)
    return toFailure(cause)
  }
  if (!isRetryable(cause.code)) {
    if (!OF_THE_ACCOUNT.has(cause.code) || !(await isOutdated(deps, claim.account_id, provider)))
      return toFailure(cause)
    const message = `${cause.message} The account was changed meanwhile: it goes on with what is saved now.`
    const again = { ...cause, message, retryAfterMs: SOON_MS }
    await progress.change({ status: 'retrying', error: { ...statusErrorFrom(again), retryable: true } })
    return toFailure(again, false)
  }
  if (await isPatienceOver(deps, failed)) {
    const message = `${cause.message} No byte arrived in 24 hours of trying: mend the cause, then re-upload.`
    return toFailure(causeOf(new StepError('no_progress', message)))
  }
  const shown = await pauseFor(deps, claim, provider?.kind ?? null, cause)
  await progress.change({ status: 'retrying', error: statusErrorFrom(shown) })
  return toFailure(shown)
}

/** An account that was changed opens as another Provider than the one that failed. */
async function isOutdated(
  deps: ActivityDeps,
  accountId: string,
  provider: Provider | null,
): Promise<boolean> {
  return provider !== null && (await deps.accounts.open(accountId)).provider !== provider
}

async function isPatienceOver(deps: ActivityDeps, { claim, attempt, progress }: FailedAttempt) {
  const row = await getSession(deps.db, claim.run_id, claim.account_id)
  if (row === null) return false
  const attempts = await attemptsSince(deps.db, claim, row.last_progress_at)
  const tried = triedMs(attempts, {
    sinceMs: Date.parse(row.last_progress_at),
    untilMs: Date.parse(attempt.started_at),
    isAsked: progress.isPlaced,
  })
  return tried > PATIENCE_MS
}

/**
 * How long an upload has been tried since the last byte that the provider confirmed, up to the beginning of an attempt.
 * `attempts` are those before it, oldest first. `isAsked`: it heard from the provider how much has arrived. Before that, what
 * the last one of them has sent may have arrived, and its time is no time without progress: a day's bytes may be confirmed
 * only when the provider is asked again.
 */
export function triedMs(
  attempts: readonly EndedAttempt[],
  to: { readonly sinceMs: number; readonly untilMs: number; readonly isAsked: boolean },
): number {
  const unsettled = to.isAsked ? -1 : attempts.findLastIndex(({ bytes_sent }) => bytes_sent > 0)
  let tried = 0
  let endMs: number | null = null
  const rest = (untilMs: number) => {
    const breakMs = endMs === null ? 0 : Math.max(untilMs - endMs, 0)
    if (breakMs <= LONGEST_BREAK_MS) tried += breakMs
  }
  for (const [index, { started_at, finished_at }] of attempts.entries()) {
    const startMs = Math.max(Date.parse(started_at), to.sinceMs)
    rest(startMs)
    const end = Math.max(Date.parse(finished_at), startMs)
    if (index !== unsettled) tried += end - startMs
    endMs = end
  }
  rest(to.untilMs)
  return tried
}
