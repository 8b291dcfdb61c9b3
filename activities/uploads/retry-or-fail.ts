// What a failed attempt of an upload means: whether there is another one, and what the destination shows meanwhile. An
// attempt that lost its claim decides and writes nothing: another attempt goes on, or the destination is settled.

import type { ApplicationFailure } from '@temporalio/common'
import type { UploadSessionRow } from '../../db/schema.ts'
import { assertClaim, type SessionClaim } from '../../db/uploads/claims.ts'
import { type ErrorCode, isRetryable } from '../../workflows/errors.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { type Cause, causeOf, StepError, statusErrorFrom, toFailure } from '../failures.ts'
import type { Provider } from '../providers/provider.ts'
import { pauseFor } from './account-pause.ts'
import type { UploadProgress } from './progress.ts'
import { isUnwanted, leaveUnwanted, refuseUnwanted } from './unwanted-upload.ts'

const HOUR_MS = 3_600_000
/** An upload is given up after so much time of trying without a byte of progress (docs/design.md, rule 8). */
const PATIENCE_MS = 24 * HOUR_MS
/** The pause after an attempt without progress doubles each time. After one that stored bytes it begins anew. */
const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 5 * 60_000

/** Failures that new credentials or settings of the account may mend. */
const MENDED_BY_ACCOUNT: ReadonlySet<ErrorCode> = new Set([
  'credentials_malformed',
  'credentials_refused',
  'credentials_expired',
  'permission_denied',
  'api_not_enabled',
  'account_misconfigured',
  'folder_missing',
  'folder_in_my_drive',
])
const SOON_MS = 1_000

type FailedAttempt = {
  readonly claim: SessionClaim
  readonly binding_id: string
  readonly progress: UploadProgress
  /** As the last save of the attempt left it; null where that failed. */
  readonly row: UploadSessionRow | null
  /** Null when the account could not be opened. */
  readonly provider: Provider | null
  readonly cause: Cause
}

/** Shows the failure at the destination, and returns it for Temporal. Throws ClaimLost. */
export async function judgeAttempt(deps: ActivityDeps, failed: FailedAttempt): Promise<ApplicationFailure> {
  const { claim, progress, provider } = failed
  const upload = { ...claim, binding_id: failed.binding_id }
  await assertClaim(deps.db, claim)
  const cause = await refuseUnwanted(deps.db, upload).then(() => failed.cause, causeOf)
  // No session can use the bytes of an archive that has changed.
  if (isUnwanted(cause.code) || cause.code === 'archive_changed') {
    await leaveUnwanted(deps, upload, provider)
    return toFailure(cause)
  }
  if (!isRetryable(cause.code)) {
    if (!MENDED_BY_ACCOUNT.has(cause.code) || !(await isOutdated(deps, claim.account_id, provider)))
      return toFailure(cause)
    const fact = `${cause.fact} The account was changed meanwhile.`
    const advice = 'Wait; it goes on with what is saved now.'
    const again = { ...cause, fact, advice, retryAfterMs: SOON_MS }
    await progress.retry({ ...statusErrorFrom(again), retryable: true })
    return toFailure(again, false)
  }
  if (failed.row !== null && failed.row.fruitless_ms > PATIENCE_MS) {
    const fact = `${cause.fact} No byte arrived in 24 hours of trying.`
    return toFailure(causeOf(new StepError('no_progress', fact)))
  }
  const shown = await pauseFor(deps, claim, provider?.kind ?? null, cause)
  await progress.retry(statusErrorFrom(shown))
  // Temporal's own pauses grow for the whole life of the upload, even if bytes arrive.
  const retryAfterMs = shown.retryAfterMs ?? pauseBefore(failed.row?.fruitless_attempts ?? 0)
  return toFailure({ ...shown, retryAfterMs })
}

/** An account that was changed opens as another Provider than the one that failed. */
async function isOutdated(
  deps: ActivityDeps,
  accountId: string,
  provider: Provider | null,
): Promise<boolean> {
  return provider !== null && (await deps.accounts.open(accountId)).provider !== provider
}

/** How long to wait after an attempt. `fruitless` is how many attempts have begun since the last byte of progress. */
function pauseBefore(fruitless: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(fruitless, 20), LONGEST_PAUSE_MS)
}
