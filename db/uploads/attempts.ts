// One row per attempt of an upload: what the run's page shows of retries and resumes, and how much an account has sent. The next
// attempt closes one whose worker was lost, with what its last saves left.

import { sql } from 'kysely'
import type { StatusError } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'
import type { Attempt, AttemptOutcome } from '../schema.ts'

type StartedAttempt = { readonly id: number; readonly started_at: string }

/**
 * Attempts that were left open by a lost worker are closed as `retrying`: with the bytes of their last save, and the time of
 * it, because nothing was tried afterwards. To be called before the new attempt writes to its destination.
 */
export async function startAttempt(
  db: DbOrTransaction,
  attempt: { readonly run_id: string; readonly account_id: string; readonly attempt: number },
): Promise<StartedAttempt> {
  await closeOpenAttempts(db, attempt, 'retrying')
  return db.insertInto('attempts').values(attempt).returning(['id', 'started_at']).executeTakeFirstOrThrow()
}

/**
 * Closes what a lost worker left open, with the bytes of its last save and the time of it. Resolves with how many there were.
 */
export async function closeOpenAttempts(
  db: DbOrTransaction,
  upload: { readonly run_id: string; readonly account_id: string },
  outcome: 'retrying' | 'cancelled',
): Promise<number> {
  const { numAffectedRows } = await sql`
    update attempts set
      outcome = ${outcome},
      bytes_sent = ${openAttemptBytes('attempts')},
      finished_at = least(now(), greatest(attempts.started_at, coalesce((
        select saved.updated_at from destinations saved
        where saved.run_id = attempts.run_id and saved.account_id = attempts.account_id), now())))
    where run_id = ${upload.run_id} and account_id = ${upload.account_id} and outcome is null`.execute(db)
  return Number(numAffectedRows ?? 0)
}

/**
 * What an open attempt has handed to the network, as of its last save: the sum of the upload without the attempts before it.
 * `table` is the name of `attempts` in the query around.
 */
export function openAttemptBytes(table: 'attempts' | 'open') {
  const own = sql.ref(table)
  return sql<number>`greatest(0, coalesce((
    select session.sent_bytes - coalesce((
      select sum(ended.bytes_sent) from attempts ended
      where ended.run_id = session.run_id and ended.account_id = session.account_id
        and ended.outcome is not null and ended.started_at >= session.created_at), 0)
    from upload_sessions session
    where session.run_id = ${own}.run_id and session.account_id = ${own}.account_id), 0))::bigint`
}

type AttemptEnd = {
  readonly outcome: AttemptOutcome
  /** Handed to the network in this attempt. */
  readonly bytes_sent: number
  /** Where this attempt went on. */
  readonly from_offset: number
  readonly error: StatusError | null
}

/** Closes the attempt; one that was closed in the meantime stays as it was. */
export async function finishAttempt(db: DbOrTransaction, id: number, end: AttemptEnd): Promise<void> {
  await db
    .updateTable('attempts')
    .set({
      outcome: end.outcome,
      bytes_sent: end.bytes_sent,
      from_offset: end.from_offset,
      error: end.error === null ? null : JSON.stringify(end.error),
      finished_at: sql<string>`now()`,
    })
    .where('id', '=', id)
    .where('outcome', 'is', null)
    .execute()
}

/** All attempts of a run, oldest first. */
export async function listAttempts(db: DbOrTransaction, runId: string): Promise<readonly Attempt[]> {
  return db.selectFrom('attempts').selectAll().where('run_id', '=', runId).orderBy('id').execute()
}

/** What an account has sent lately, and how long it has been held back. */
export type RateLimitHistory = {
  /** Bytes that were handed to the network, also by attempts that still run. */
  readonly sent_bytes: number
  /** When the earliest of those uploads ended, or the time asked about where that is later: RFC 3339; null when there was none. */
  readonly oldest_at: string | null
  /** Since when every attempt has ended with `rate_limited`; null when the last one did not. */
  readonly limited_since: string | null
}

/**
 * What an account has sent since `since`, including the attempts that still run, and since when rate limits alone have ended
 * its attempts. An attempt that began before `since` counts by its share of the time.
 */
export async function rateLimitHistory(
  db: DbOrTransaction,
  accountId: string,
  since: string,
): Promise<RateLimitHistory> {
  const { rows } = await sql<SentAttempt>`
    select started_at, finished_at, error, coalesce(finished_at, now()) as until,
      case when outcome is null then ${openAttemptBytes('attempts')} else bytes_sent end as bytes
    from attempts
    where account_id = ${accountId} and (finished_at >= ${since} or finished_at is null)
    order by id desc`.execute(db)
  const sinceMs = Date.parse(since)
  const sent = rows.filter((row) => row.bytes > 0)
  const oldest = sent.at(-1)
  const isPartlyOut = oldest !== undefined && Date.parse(oldest.started_at) < sinceMs
  return {
    sent_bytes: sent.reduce((sum, row) => sum + bytesSince(sinceMs, row), 0),
    // What such an attempt sent leaves the window bit by bit, from now on.
    oldest_at: isPartlyOut ? since : (oldest?.finished_at ?? oldest?.started_at ?? null),
    limited_since: limitedSince(rows),
  }
}

type SentAttempt = Pick<Attempt, 'started_at' | 'finished_at' | 'error'> & {
  readonly until: string
  readonly bytes: number
}

function bytesSince(sinceMs: number, { started_at, until, bytes }: SentAttempt): number {
  const wholeMs = Date.parse(until) - Date.parse(started_at)
  const withinMs = Date.parse(until) - Math.max(Date.parse(started_at), sinceMs)
  return wholeMs <= 0 ? bytes : Math.round((bytes * withinMs) / wholeMs)
}

/** The end of the first of the newest attempts that all ended by a rate limit; `attempts` newest first. */
function limitedSince(attempts: readonly SentAttempt[]): string | null {
  const ended = attempts.filter((attempt) => attempt.finished_at !== null)
  const other = ended.findIndex((attempt) => attempt.error?.code !== 'rate_limited')
  return ended.slice(0, other === -1 ? undefined : other).at(-1)?.finished_at ?? null
}
