// A pause that a provider asks for holds for the account, and not only for the upload that met it: the other uploads of the
// account wait as well, visibly and without holding a slot. Other accounts go on. Drive's daily cap looks like an ordinary
// rate limit (docs/providers.md, 1.7), so it is told apart by what the account has sent within a day.

import { accountPause, pauseAccount } from '../../db/accounts/account-pauses.ts'
import { appendAudit } from '../../db/audit.ts'
import type { DbOrTransaction } from '../../db/database.ts'
import { databaseNow } from '../../db/database-server.ts'
import { type RateLimitHistory, rateLimitHistory } from '../../db/uploads/attempts.ts'
import type { SessionClaim } from '../../db/uploads/claims.ts'
import { adviceOf } from '../../workflows/errors.ts'
import { formatBytes } from '../../workflows/runs/destination.ts'
import type { ProviderKind } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { type Cause, causeOf, LONGEST_PAUSE_MS, StepError } from '../failures.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** Drive takes 750 GB per user and day (docs/providers.md, 1.7). */
const DRIVE_DAILY_BYTES = 750e9
/** Above this, a rate limit that lasts is taken for the daily cap: other programs may upload as the same user. */
const SUSPECT_BYTES = 600e9
const SUSPECT_AFTER_MS = 15 * MINUTE_MS
/** For a limit without a Retry-After. */
const SHORT_PAUSE_MS = 15_000
/** A longer pause is looked at again after this time: new credentials end it early. */
const LONGEST_WAIT_MS = 15 * MINUTE_MS

/** Only Drive has such a cap: for others a rate limit is only a rate limit, however much was sent. */
const NO_DAILY_CAP: RateLimitHistory = { sent_bytes: 0, oldest_at: null, limited_since: null }

export type Pause = { readonly until_ms: number; readonly is_daily_cap: boolean }

/** How long an account pauses after a failure; null when it need not. Pure, so that no test has to send 600 GB. */
export function pauseAfter(cause: Cause, history: RateLimitHistory, nowMs: number): Pause | null {
  const askedMs = cause.retryAfterMs === undefined ? null : Math.min(cause.retryAfterMs, LONGEST_PAUSE_MS)
  if (cause.code === 'daily_limit_reached') {
    return { until_ms: nowMs + Math.max(askedMs ?? 0, HOUR_MS), is_daily_cap: true }
  }
  if (cause.code !== 'rate_limited') return null
  const limitedMs = history.limited_since === null ? 0 : nowMs - Date.parse(history.limited_since)
  if (history.sent_bytes > SUSPECT_BYTES && limitedMs > SUSPECT_AFTER_MS) {
    // The cap counts the last 24 hours: it ends when the oldest bytes are a day old.
    const freed = history.oldest_at === null ? nowMs + HOUR_MS : Date.parse(history.oldest_at) + DAY_MS
    return { until_ms: Math.max(freed, nowMs + HOUR_MS), is_daily_cap: true }
  }
  return { until_ms: nowMs + (askedMs ?? SHORT_PAUSE_MS), is_daily_cap: false }
}

/** Pauses the account where the failure asks for it. Returns the cause as it is to be shown and retried. */
export async function pauseFor(
  deps: ActivityDeps,
  claim: SessionClaim,
  kind: ProviderKind | null,
  cause: Cause,
): Promise<Cause> {
  const { db } = deps
  if (cause.code !== 'rate_limited' && cause.code !== 'daily_limit_reached') return cause
  const now = await databaseNow(db)
  const since = new Date(now - DAY_MS).toISOString()
  const history = kind === 'google_drive' ? await rateLimitHistory(db, claim.account_id, since) : NO_DAILY_CAP
  const pause = pauseAfter(cause, history, now)
  if (pause === null) return cause
  const until = new Date(pause.until_ms).toISOString()
  const reason = pause.is_daily_cap
    ? `The daily upload limit of the account (${formatBytes(DRIVE_DAILY_BYTES)} at Google Drive) is used up.`
    : 'The provider asked for a pause.'
  await pauseAccount(db, claim.account_id, until, reason)
  if (!pause.is_daily_cap) return { ...cause, retryAfterMs: Math.max(pause.until_ms - now, 1) }
  await appendAudit(db, {
    actor: 'workflow',
    event: 'account_paused',
    run_id: claim.run_id,
    account_id: claim.account_id,
    details: { until, reason, sent_bytes: history.sent_bytes },
  })
  const step = new StepError('daily_limit_reached', `${reason} It continues at ${until}.`, {
    retryAfterMs: waitMs(until, now),
  })
  return causeOf(step)
}

/** Throws StepError `account_busy` while the account pauses. */
export async function refuseWhilePaused(db: DbOrTransaction, accountId: string): Promise<void> {
  const pause = await accountPause(db, accountId)
  if (pause === null) return
  const fact = `${pause.reason} It continues at ${pause.until}.`
  throw new StepError('account_busy', fact, {
    retryAfterMs: waitMs(pause.until, await databaseNow(db)),
    advice: adviceOf('daily_limit_reached'),
  })
}

function waitMs(until: string, now: number): number {
  return Math.min(Math.max(Date.parse(until) - now, 1000), LONGEST_WAIT_MS)
}
