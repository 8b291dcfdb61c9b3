// Pauses of an account: a daily limit or a long Retry-After keeps all of its uploads waiting. The clock is the database's, so
// workers need not agree.

import { sql } from 'kysely'
import type { DbOrTransaction } from '../database.ts'

type AccountPause = { readonly until: string; readonly reason: string }

/** Keeps all uploads from the account until then (a daily limit, a long Retry-After). A later end stands. */
export async function pauseAccount(
  db: DbOrTransaction,
  accountId: string,
  until: string,
  reason: string,
): Promise<void> {
  await db
    .updateTable('cloud_accounts')
    .set({ paused_until: until, paused_reason: reason })
    .where('id', '=', accountId)
    .where((where) => where.or([where('paused_until', 'is', null), where('paused_until', '<', until)]))
    .execute()
}

/** Ends the pause of an account before its time. Resolves with the pause that was ended; null when there was none. */
export async function endPause(trx: DbOrTransaction, accountId: string): Promise<AccountPause | null> {
  const pause = await accountPause(trx, accountId)
  if (pause === null) return null
  await trx
    .updateTable('cloud_accounts')
    .set({ paused_until: null, paused_reason: null })
    .where('id', '=', accountId)
    .execute()
  return pause
}

/** Null when the account is not paused now. */
export async function accountPause(db: DbOrTransaction, accountId: string): Promise<AccountPause | null> {
  const row = await db
    .selectFrom('cloud_accounts')
    .select(['paused_until', 'paused_reason'])
    .where('id', '=', accountId)
    .where('paused_until', '>', sql<string>`clock_timestamp()`)
    .executeTakeFirst()
  return row?.paused_until == null ? null : { until: row.paused_until, reason: row.paused_reason ?? '' }
}
