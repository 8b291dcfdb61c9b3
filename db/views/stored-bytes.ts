// How much of an instance lies at its destinations, day by day: from the ledger of the files that this program uploaded.

import { sql } from 'kysely'
import type { DbOrTransaction } from '../database.ts'

export type StoredDay = { readonly day: string; readonly bytes: number; readonly files: number }

/** For each of the last `days` days in UTC, oldest first: what was there at its end. */
export async function storedBytes(
  db: DbOrTransaction,
  instanceSlug: string,
  days: number,
): Promise<readonly StoredDay[]> {
  const { rows } = await sql<StoredDay>`
    with files as (
      select f.size, f.uploaded_at, f.deleted_at from uploaded_files f join runs r on r.id = f.run_id
      where r.instance_slug = ${instanceSlug}
        and (f.deleted_at is null or f.deleted_at > now() - make_interval(days => ${days}))
    ), ends as (
      select day, (day + 1)::timestamp at time zone 'UTC' as at
      from (select (now() at time zone 'UTC')::date - back as day from generate_series(0, ${days - 1}::int) back) d
    )
    select ends.day::text as day, coalesce(sum(files.size), 0)::bigint as bytes, count(files.size)::int as files
    from ends left join files
      on files.uploaded_at < ends.at and (files.deleted_at is null or files.deleted_at >= ends.at)
    group by ends.day order by ends.day`.execute(db)
  return rows
}
