// The figures of the overview: failures of the last day by cause, bytes per account over a month, and open runs. Each is read
// along an index of its own (migration 0003).

import { sql } from 'kysely'
import type { StatusError } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'

export type FailureCause = {
  readonly code: string
  readonly account: string
  readonly count: number
  readonly newest_run_id: string
  readonly newest_at: string
  /** The newest of them. */
  readonly error: StatusError
}

/** Destinations that failed in the last 24 hours, by cause and account, the most frequent first. */
export async function listFailureCauses(db: DbOrTransaction): Promise<readonly FailureCause[]> {
  const { rows } = await sql<FailureCause>`
    select d.error ->> 'code' as code, d.account, count(*)::int as count,
      (array_agg(d.run_id order by d.finished_at desc))[1] as newest_run_id, max(d.finished_at) as newest_at,
      (array_agg(d.error order by d.finished_at desc))[1] as error
    from destinations d
    where d.status = 'failed' and d.finished_at > now() - interval '24 hours'
    group by 1, 2 order by count desc, newest_at desc limit 20`.execute(db)
  return rows
}

export type AccountDay = {
  readonly day: string
  readonly account_id: string
  readonly account: string
  readonly bytes: number
}

/** Bytes of whole copies by day (UTC) and account, of the last `days` days; days without any are left out. */
export async function listUploadedBytes(db: DbOrTransaction, days: number): Promise<readonly AccountDay[]> {
  const { rows } = await sql<AccountDay>`
    select u.day::text as day, u.account_id, coalesce(a.name, u.account_id) as account, u.bytes
    from (
      select (finished_at at time zone 'UTC')::date as day, account_id, sum(size)::bigint as bytes
      from destinations
      where status = 'uploaded' and finished_at >= date_trunc('day', now(), 'UTC') - make_interval(days => ${days - 1}::int)
      group by 1, 2
    ) u left join cloud_accounts a on a.id = u.account_id
    order by account, day`.execute(db)
  return rows
}

type RunCounts = { readonly open: number; readonly requested_starts: number }

export async function countOpenRuns(db: DbOrTransaction): Promise<RunCounts> {
  const { rows } = await sql<RunCounts>`
    select (select count(*)::int from runs where cloud_status = 'pending') as open,
      (select count(*)::int from runs where start_requested_at is not null) as requested_starts`.execute(db)
  return rows[0] ?? { open: 0, requested_starts: 0 }
}
