// When each account last took a whole copy: the best proof that the account works.

import { sql } from 'kysely'
import type { DbOrTransaction } from '../database.ts'

/**
 * By account ID; those without a copy are left out. Of the newest run that has one, along the index of an account's
 * history (migration 0002).
 */
export async function lastUploads(
  db: DbOrTransaction,
  accountIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (accountIds.length === 0) return new Map()
  const { rows } = await sql<{ id: string; at: string }>`
    select a.id, newest.finished_at as at from cloud_accounts a
    cross join lateral (select d.finished_at from destinations d
      where d.account_id = a.id and d.status = 'uploaded'
      order by d.run_created_at desc, d.run_id desc limit 1) newest
    where a.id in (${sql.join(accountIds)}) and newest.finished_at is not null`.execute(db)
  return new Map(rows.map(({ id, at }) => [id, at]))
}
