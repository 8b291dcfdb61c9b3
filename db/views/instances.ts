// Instances as people look at them: whether the newest backup has a whole copy off-site, and since when there is none.
// "Safe" means that at least one destination of the newest run is uploaded, which takes a proven copy (docs/design.md, rule
// 1), and that retention has not deleted this copy since.

import { sql } from 'kysely'
import { z } from 'zod'
import type { CloudStatus } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'
import { decodeCursor, encodeCursor, type Page, pageSize, toPage } from '../page.ts'

const SAFETY_STATES = ['safe', 'in_progress', 'unsafe', 'unbound', 'no_backup'] as const
export type Safety = (typeof SAFETY_STATES)[number]

export type InstanceView = {
  readonly slug: string
  readonly name: string
  readonly binding_count: number
  readonly newest_run_id: string | null
  readonly newest_at: string | null
  readonly newest_size: number | null
  readonly newest_status: CloudStatus | null
  /** When the newest backup that has a whole copy was made. */
  readonly last_safe_at: string | null
  readonly safety: Safety
}

/** One row per instance; each part is read along an index. `condition` limits the instances. */
const views = (condition: ReturnType<typeof sql>) => sql<InstanceView>`
  select i.slug, i.name, bound.count as binding_count, newest.id as newest_run_id,
    coalesce(newest.finished_at, newest.created_at) as newest_at, newest.size as newest_size,
    newest.cloud_status as newest_status, coalesce(safe.finished_at, safe.created_at) as last_safe_at,
    case
      when newest.id is null then 'no_backup'
      when safe.id = newest.id then 'safe'
      when newest.cloud_status = 'pending' then 'in_progress'
      when newest.cloud_status = 'none' and bound.count = 0 then 'unbound'
      else 'unsafe'
    end as safety
  from instances i
  cross join lateral (select count(*)::int as count from bindings b where b.instance_slug = i.slug) bound
  left join lateral (select r.id, r.finished_at, r.created_at, r.size, r.cloud_status from runs r
    where r.instance_slug = i.slug order by r.created_at desc, r.id desc limit 1) newest on true
  left join lateral (select d.run_id from destinations d
    where d.instance_slug = i.slug and d.status = 'uploaded' and not exists (
      select 1 from uploaded_files f where f.account_id = d.account_id and f.remote_id = d.remote_id
        and f.deleted_at is not null)
    order by d.run_created_at desc, d.run_id desc limit 1) copy on true
  left join runs safe on safe.id = copy.run_id
  ${condition}`

type InstanceFilter = {
  /** Text that occurs in slug or name. */
  readonly search?: string | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

/** By slug. Throws DbConflict `invalid` (field `cursor`). */
export async function listInstanceViews(
  db: DbOrTransaction,
  filter: InstanceFilter,
): Promise<Page<InstanceView>> {
  const limit = pageSize(filter.limit)
  const after = filter.cursor === undefined ? '' : decodeCursor(filter.cursor, z.tuple([z.string()]))[0]
  const pattern = `%${(filter.search ?? '').replaceAll(/[\\%_]/g, '\\$&')}%`
  const condition = sql`where i.slug > ${after} and (i.slug ilike ${pattern} or i.name ilike ${pattern})
    order by i.slug limit ${limit + 1}`
  const { rows } = await views(condition).execute(db)
  return toPage(rows, limit, (row) => encodeCursor([row.slug]))
}

/** Null when there is no such instance. */
export async function getInstanceView(db: DbOrTransaction, slug: string): Promise<InstanceView | null> {
  const { rows } = await views(sql`where i.slug = ${slug}`).execute(db)
  return rows[0] ?? null
}

/** Of all instances, for the overview. */
export async function listSafety(db: DbOrTransaction): Promise<readonly InstanceView[]> {
  const { rows } = await views(sql`order by i.slug`).execute(db)
  return rows
}
