// Bindings as people look at them: with the name of the account, the newest copy and how the newest run went. Each is
// found along an index (migration 0002), however long the history is.

import { sql } from 'kysely'
import type { DestinationStatus, ProviderKind } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'
import type { Binding } from '../schema.ts'

export type BindingView = Binding & {
  readonly account: string
  readonly provider: ProviderKind
  /** Of the newest run that had this destination. */
  readonly newest_status: DestinationStatus | null
  readonly newest_run_id: string | null
  readonly newest_error: string | null
  /** The newest whole copy. */
  readonly last_copy_at: string | null
  readonly last_copy_size: number | null
  readonly last_copy_run_id: string | null
}

/**
 * The last successful upload of binding `b` of the query around: the newest run whose copy is proven, whenever it was proven
 * and whether or not it had to be sent. Pages and metrics share this query.
 */
export const newestCopy = sql`select d.finished_at, d.size, d.run_id from destinations d
  where d.binding_id = b.id and d.status = 'uploaded' order by d.run_created_at desc limit 1`

/** Of one instance, or of one account; by instance and account name. */
export async function listBindingViews(
  db: DbOrTransaction,
  of: { readonly instance: string } | { readonly account_id: string },
): Promise<readonly BindingView[]> {
  const condition =
    'instance' in of ? sql`b.instance_slug = ${of.instance}` : sql`b.account_id = ${of.account_id}`
  const { rows } = await sql<BindingView>`
    select b.*, a.name as account, a.provider,
      newest.status as newest_status, newest.run_id as newest_run_id, newest.error ->> 'message' as newest_error,
      copy.finished_at as last_copy_at, copy.size as last_copy_size, copy.run_id as last_copy_run_id
    from bindings b
    join cloud_accounts a on a.id = b.account_id
    left join lateral (select d.status, d.run_id, d.error from destinations d
      where d.binding_id = b.id order by d.run_created_at desc limit 1) newest on true
    left join lateral (${newestCopy}) copy on true
    where ${condition}
    order by b.instance_slug, a.name`.execute(db)
  return rows
}
