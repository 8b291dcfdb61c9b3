// The history of runs, newest first, a page at a time. Every combination of filters is one query over an index that has
// the order in it (migrations 0001 and 0002), so a page costs the same in a table of a million runs. `matchesRun` says
// whether the query would find a given run.

import { sql } from 'kysely'
import { z } from 'zod'
import type { CloudStatus } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'
import { decodeCursor, encodeCursor, type Page, pageSize, toPage } from '../page.ts'
import type { Run } from '../schema.ts'

export type RunFilter = {
  readonly instance?: string | undefined
  readonly status?: CloudStatus | undefined
  /** With the status `failed`: also open runs of which a destination has failed already. */
  readonly with_open_failures?: boolean | undefined
  /** Runs that had this account among their destinations. */
  readonly account_id?: string | undefined
  /** Words that all occur in instance, database, archive or run ID, in upper or lower case. */
  readonly search?: string | undefined
  /** Made at or after this time. */
  readonly from?: string | undefined
  /** Made before this time. */
  readonly to?: string | undefined
}

type RunQuery = RunFilter & { readonly limit: number; readonly cursor?: string | undefined }

const runCursor = z.tuple([z.iso.datetime(), z.string()])

/** The cursor of a page that ends, or begins, at this run. */
export function runCursorOf(run: Pick<Run, 'created_at' | 'id'>): string {
  return encodeCursor([run.created_at, run.id])
}

/** Throws DbConflict `invalid` (field `cursor`). */
export async function listRuns(db: DbOrTransaction, filter: RunQuery): Promise<Page<Run>> {
  const limit = pageSize(filter.limit)
  const edge = filter.cursor === undefined ? null : ({ cursor: filter.cursor, side: 'older' } as const)
  return toPage(await readRuns(db, filter, edge, limit + 1), limit, runCursorOf)
}

/**
 * The page that ends before the run which the cursor names. Null when fewer than a page are newer: then it is the first
 * page. Throws DbConflict `invalid` (field `cursor`).
 */
export async function listNewerRuns(
  db: DbOrTransaction,
  filter: RunQuery & { readonly cursor: string },
): Promise<Page<Run> | null> {
  const limit = pageSize(filter.limit)
  const rows = await readRuns(db, filter, { cursor: filter.cursor, side: 'newer' }, limit)
  const items = rows.toReversed()
  const last = items.at(-1)
  if (items.length < limit || last === undefined) return null
  return { items, next_cursor: runCursorOf(last) }
}

type PageEdge = { readonly cursor: string; readonly side: 'older' | 'newer' }

async function readRuns(
  db: DbOrTransaction,
  filter: RunFilter,
  edge: PageEdge | null,
  limit: number,
): Promise<readonly Run[]> {
  if (filter.status !== 'failed' || filter.with_open_failures !== true) {
    return selectRuns(db, filter, edge, limit).execute()
  }
  // Each half is read along the index of its status; one query for both would read the whole history.
  const failed = selectRuns(db, filter, edge, limit)
  const open = selectRuns(db, { ...filter, status: 'pending' }, edge, limit).where(HAS_FAILURE)
  const direction = sql.raw(edge?.side === 'newer' ? 'asc' : 'desc')
  const { rows } = await sql<Run>`
    select * from (${failed} union all ${open}) found
    order by created_at ${direction}, id ${direction} limit ${limit}`.execute(db)
  return rows
}

const RUNS = { at: sql.ref('runs.created_at'), id: sql.ref('runs.id') }
const DESTINATIONS = { at: sql.ref('destinations.run_created_at'), id: sql.ref('destinations.run_id') }

/** The expression of the index of migration 0003, letter by letter. */
const SEARCHED = sql`(runs.instance_slug || ' ' || runs.archive || ' ' || coalesce(runs.database, '') || ' ' || runs.id)`

const HAS_FAILURE = sql<boolean>`jsonb_path_exists(runs.cloud_sync_status, '$.*.status ? (@ == "failed")')`

function selectRuns(db: DbOrTransaction, filter: RunFilter, edge: PageEdge | null, limit: number) {
  // The history of an account is read along its destinations, which know the order of their runs.
  const order = filter.account_id === undefined ? RUNS : DESTINATIONS
  const direction = sql.raw(edge?.side === 'newer' ? 'asc' : 'desc')
  let query = runsOf(db, filter.account_id)
    .orderBy(sql`${order.at} ${direction}, ${order.id} ${direction}`)
    .limit(limit)
  if (filter.instance !== undefined) query = query.where('runs.instance_slug', '=', filter.instance)
  if (filter.status !== undefined) query = query.where('runs.cloud_status', '=', filter.status)
  for (const word of wordsOf(filter.search)) {
    const pattern = `%${word.replaceAll(/[\\%_]/g, '\\$&')}%`
    query = query.where(sql<boolean>`${SEARCHED} ilike ${pattern}`)
  }
  if (filter.from !== undefined) query = query.where(sql<boolean>`${order.at} >= ${filter.from}::timestamptz`)
  if (filter.to !== undefined) query = query.where(sql<boolean>`${order.at} < ${filter.to}::timestamptz`)
  if (edge === null) return query
  const [createdAt, id] = decodeCursor(edge.cursor, runCursor)
  const named = sql`(${createdAt}::timestamptz, ${id}::text)`
  const side = sql.raw(edge.side === 'newer' ? '>' : '<')
  return query.where(sql<boolean>`(${order.at}, ${order.id}) ${side} ${named}`)
}

function runsOf(db: DbOrTransaction, accountId: string | undefined) {
  if (accountId === undefined) return db.selectFrom('runs').selectAll('runs')
  return db
    .selectFrom('runs')
    .innerJoin('destinations', 'destinations.run_id', 'runs.id')
    .selectAll('runs')
    .where('destinations.account_id', '=', accountId)
}

function wordsOf(search: string | undefined): readonly string[] {
  return (search ?? '').split(/\s+/).filter((word) => word !== '')
}

/** True when a history with this filter contains the run. */
export function matchesRun(run: Run, filter: RunFilter): boolean {
  const { instance, account_id, search, from, to } = filter
  if (instance !== undefined && run.instance_slug !== instance) return false
  if (!hasStatus(run, filter)) return false
  if (account_id !== undefined && !Object.hasOwn(run.cloud_sync_status, account_id)) return false
  const text = `${run.instance_slug} ${run.archive} ${run.database ?? ''} ${run.id}`.toLowerCase()
  if (!wordsOf(search).every((word) => text.includes(word.toLowerCase()))) return false
  const madeAt = Date.parse(run.created_at)
  return (from === undefined || madeAt >= Date.parse(from)) && (to === undefined || madeAt < Date.parse(to))
}

function hasStatus(run: Run, { status, with_open_failures }: RunFilter): boolean {
  if (status === undefined || run.cloud_status === status) return true
  if (status !== 'failed' || with_open_failures !== true || run.cloud_status !== 'pending') return false
  return Object.values(run.cloud_sync_status).some((destination) => destination.status === 'failed')
}
