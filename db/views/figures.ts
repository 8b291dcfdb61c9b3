// Figures of the whole installation, for monitoring. Each is read along an index, and none counts the history.

import { sql } from 'kysely'
import type { DestinationStatus, ProviderKind } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'
import { newestCopy } from './bindings.ts'

type BindingFigures = {
  readonly instance: string
  readonly account: string
  readonly provider: ProviderKind
  readonly enabled: boolean
  /** Of the newest run that had this destination. */
  readonly newest_status: DestinationStatus | null
  /** When the newest whole copy was proven. */
  readonly last_copy_at: string | null
  readonly last_copy_size: number | null
}

type SyncFigures = {
  readonly open_runs: number
  readonly requested_starts: number
  readonly open_destinations: readonly { readonly status: DestinationStatus; readonly count: number }[]
  readonly bindings: readonly BindingFigures[]
}

export async function readSyncFigures(db: DbOrTransaction): Promise<SyncFigures> {
  const [open, requested, destinations, bindings] = await Promise.all([
    sql<{ count: number }>`select count(*)::int as count from runs where cloud_status = 'pending'`.execute(
      db,
    ),
    sql<{
      count: number
    }>`select count(*)::int as count from runs where start_requested_at is not null`.execute(db),
    sql<{ status: DestinationStatus; count: number }>`select d.status, count(*)::int as count
      from runs r join destinations d on d.run_id = r.id where r.cloud_status = 'pending' group by d.status`.execute(
      db,
    ),
    sql<BindingFigures>`select b.instance_slug as instance, a.name as account, a.provider, b.enabled,
        newest.status as newest_status, copy.finished_at as last_copy_at, copy.size as last_copy_size
      from bindings b
      join cloud_accounts a on a.id = b.account_id
      left join lateral (select d.status from destinations d
        where d.binding_id = b.id order by d.run_created_at desc limit 1) newest on true
      left join lateral (${newestCopy}) copy on true
      order by b.instance_slug, a.name`.execute(db),
  ])
  return {
    open_runs: open.rows[0]?.count ?? 0,
    requested_starts: requested.rows[0]?.count ?? 0,
    open_destinations: destinations.rows,
    bindings: bindings.rows,
  }
}
