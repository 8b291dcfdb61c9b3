// One row for each attempt of an upload: what the run's page shows of retries and resumes.

import { sql } from 'kysely'
import type { StatusError } from '../workflows/types.ts'
import type { DbOrTransaction } from './database.ts'
import type { Attempt, AttemptOutcome } from './schema.ts'

/** Resolves with the attempt's ID. Attempts that were left open by a lost worker are closed as `retrying`. */
export async function startAttempt(
  db: DbOrTransaction,
  attempt: { readonly run_id: string; readonly account_id: string; readonly attempt: number },
): Promise<number> {
  await db
    .updateTable('attempts')
    .set({ outcome: 'retrying', finished_at: sql<string>`now()` })
    .where('run_id', '=', attempt.run_id)
    .where('account_id', '=', attempt.account_id)
    .where('outcome', 'is', null)
    .execute()
  const row = await db.insertInto('attempts').values(attempt).returning('id').executeTakeFirstOrThrow()
  return row.id
}

export type AttemptEnd = {
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

/** What an account has sent since `since`, and whether it has been held back by rate limits ever since. */
export async function rateLimitHistory(
  db: DbOrTransaction,
  accountId: string,
  since: string,
): Promise<{ sent_bytes: number; oldest_at: string | null; limited_since: string | null }> {
  const rows = await db
    .selectFrom('attempts')
    .select(['started_at', 'finished_at', 'bytes_sent', 'error'])
    .where('account_id', '=', accountId)
    .where('started_at', '>=', since)
    .orderBy('id', 'desc')
    .execute()
  const sent = rows.filter((row) => row.bytes_sent > 0)
  let limitedSince: string | null = null
  for (const row of rows.filter((each) => each.finished_at !== null)) {
    if (row.error?.code !== 'rate_limited') break
    limitedSince = row.finished_at
  }
  return {
    sent_bytes: sent.reduce((sum, row) => sum + row.bytes_sent, 0),
    oldest_at: sent.at(-1)?.finished_at ?? sent.at(-1)?.started_at ?? null,
    limited_since: limitedSince,
  }
}
