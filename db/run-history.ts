// The history of runs, newest first, a page at a time. Every combination of filters is one query over an index that has
// the order in it (migrations 0001 and 0002), so a page costs the same in a table of a million runs.

import { sql } from 'kysely'
import { z } from 'zod'
import type { CloudStatus } from '../workflows/types.ts'
import type { DbOrTransaction } from './database.ts'
import { decodeCursor, encodeCursor, type Page, pageSize, toPage } from './page.ts'
import type { Run } from './schema.ts'

export type RunFilter = {
  readonly instance?: string | undefined
  readonly status?: CloudStatus | undefined
  /** Runs that had this account among their destinations. */
  readonly account_id?: string | undefined
  /** Text that occurs in instance, database, archive or run ID, in upper or lower case. */
  readonly search?: string | undefined
  /** Made at or after this time. */
  readonly from?: string | undefined
  /** Made before this time. */
  readonly to?: string | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

const runCursor = z.tuple([z.iso.datetime(), z.string()])

/** Throws DbConflict `invalid` (field `cursor`). */
export async function listRuns(db: DbOrTransaction, filter: RunFilter): Promise<Page<Run>> {
  const limit = pageSize(filter.limit)
  // The history of an account is walked along its destinations, which know the order of their runs.
  const order = filter.account_id === undefined ? RUNS : DESTINATIONS
  let query = runsOf(db, filter.account_id)
    .orderBy(sql`${order.at} desc, ${order.id} desc`)
    .limit(limit + 1)
  if (filter.instance !== undefined) query = query.where('runs.instance_slug', '=', filter.instance)
  if (filter.status !== undefined) query = query.where('runs.cloud_status', '=', filter.status)
  if (filter.search !== undefined) {
    const pattern = `%${filter.search.replaceAll(/[\\%_]/g, '\\$&')}%`
    query = query.where(sql<boolean>`${SEARCHED} ilike ${pattern}`)
  }
  if (filter.from !== undefined) query = query.where(sql<boolean>`${order.at} >= ${filter.from}::timestamptz`)
  if (filter.to !== undefined) query = query.where(sql<boolean>`${order.at} < ${filter.to}::timestamptz`)
  if (filter.cursor !== undefined) {
    const [createdAt, id] = decodeCursor(filter.cursor, runCursor)
    query = query.where(sql<boolean>`(${order.at}, ${order.id}) < (${createdAt}::timestamptz, ${id}::text)`)
  }
  return toPage(await query.execute(), limit, (run) => encodeCursor([run.created_at, run.id]))
}

const RUNS = { at: sql.ref('runs.created_at'), id: sql.ref('runs.id') }
const DESTINATIONS = { at: sql.ref('destinations.run_created_at'), id: sql.ref('destinations.run_id') }

/** As the index of migration 0003 has it, letter by letter. */
const SEARCHED = sql`(runs.instance_slug || ' ' || runs.archive || ' ' || coalesce(runs.database, '') || ' ' || runs.id)`

function runsOf(db: DbOrTransaction, accountId: string | undefined) {
  if (accountId === undefined) return db.selectFrom('runs').selectAll('runs')
  return db
    .selectFrom('runs')
    .innerJoin('destinations', 'destinations.run_id', 'runs.id')
    .selectAll('runs')
    .where('destinations.account_id', '=', accountId)
}
