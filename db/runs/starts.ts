// Starts that Temporal has not confirmed. A run is written together with the request to start its sync, and the request is
// cleared when Temporal has confirmed the start. A process that dies in between loses nothing: whoever finds the request
// carries it out, on the row as it is under its lock and never as a list showed it. A sync that began or ended after the
// request was written needs no start any more.

import { sql } from 'kysely'
import { runWorkflowId } from '../../workflows/workflow-ids.ts'
import { DbConflict } from '../conflict.ts'
import type { DbOrTransaction } from '../database.ts'
import type { Run } from '../schema.ts'
import { type ArchiveOfRun, archiveColumns } from './kept-archives.ts'
import { type NewRun, type RecordedRun, recordRun } from './runs.ts'

/**
 * Records a run and requests its start; a run that exists already is left as it is. To be called in a transaction. `kept`:
 * how the archive of a new run is kept already.
 * Throws as `recordRun` does, and DbConflict `run_id_conflict` naming the field of `values` that is not the run's; what is
 * null or left out asks for nothing.
 */
export async function recordRunToStart(
  trx: DbOrTransaction,
  values: NewRun,
  kept: ArchiveOfRun | null = null,
): Promise<RecordedRun> {
  const recorded = await recordRun(trx, values)
  if (!recorded.created) {
    const field = await fieldOfAnotherRun(trx, recorded.run, values)
    if (field === null) return recorded
    throw new DbConflict('run_id_conflict', field, `The run of this ID was started with another ${field}.`)
  }
  const run = await trx
    .updateTable('runs')
    .set({ ...(kept === null ? {} : archiveColumns(kept)), start_requested_at: sql<string>`now()` })
    .where('id', '=', recorded.run.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  return { run, created: true }
}

async function fieldOfAnotherRun(
  trx: DbOrTransaction,
  run: Run,
  { database, finished_at, archive_task_queue, account_ids }: NewRun,
): Promise<string | null> {
  if (database != null && database !== run.database) return 'database'
  if (archive_task_queue != null && archive_task_queue !== run.archive_task_queue) return 'archive_task_queue'
  if (account_ids != null && !isSameSet(account_ids, run.account_ids)) return 'account_ids'
  if (finished_at == null) return null
  // PostgreSQL compares, since it reads and rounds: one time has many spellings.
  const { rows } = await sql<{ is_same: boolean }>`select
    ${finished_at}::timestamptz(3) is not distinct from ${run.finished_at}::timestamptz(3) as is_same`.execute(
    trx,
  )
  return rows[0]?.is_same === true ? null : 'finished_at'
}

function isSameSet(one: readonly string[], other: readonly string[] | null): boolean {
  if (other === null) return false
  const [left, right] = [new Set(one), new Set(other)]
  return left.size === right.size && [...left].every((id) => right.has(id))
}

/**
 * Requests another sync of a run that has none open, and shows it as pending again. `accountIds` null means those of the
 * run. Null when the run has changed since it was seen, or a start is requested already.
 */
export async function requestRestart(
  db: DbOrTransaction,
  seen: Pick<Run, 'id' | 'instance_slug' | 'updated_at'>,
  accountIds: readonly string[] | null,
): Promise<Run | null> {
  const row = await db
    .updateTable('runs')
    .set({
      start_requested_at: sql<string>`now()`,
      start_account_ids: accountIds === null ? null : JSON.stringify(accountIds),
      // The new sync has the ID of the contract, whatever ID the client of an earlier one chose.
      workflow_id: runWorkflowId(seen.instance_slug, seen.id),
      cloud_status: 'pending',
      error: null,
      sync_finished_at: null,
      kept_until: null,
      updated_at: sql<string>`now()`,
    })
    .where('id', '=', seen.id)
    .where('updated_at', '=', seen.updated_at)
    .where('start_requested_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row ?? null
}

type StartRequest = Pick<Run, 'id' | 'start_requested_at'>

/**
 * Locks a requested start until the transaction ends, and resolves with the run as it is now. Null when the request that was
 * seen is no longer there, or somebody else has it locked: they carry it out, or it stays requested.
 */
export async function lockRequestedStart(trx: DbOrTransaction, seen: StartRequest): Promise<Run | null> {
  const row = await trx
    .selectFrom('runs')
    .selectAll()
    .where('id', '=', seen.id)
    .where('start_requested_at', '=', seen.start_requested_at)
    .forNoKeyUpdate()
    .skipLocked()
    .executeTakeFirst()
  return row ?? null
}

/**
 * Clears the request and resolves with the run. Waits for whoever has it locked. Null when the request that was seen is no
 * longer there.
 */
export async function confirmStart(db: DbOrTransaction, seen: StartRequest): Promise<Run | null> {
  const row = await db
    .updateTable('runs')
    .set({ start_requested_at: null, start_account_ids: null })
    .where('id', '=', seen.id)
    .where('start_requested_at', '=', seen.start_requested_at)
    .returningAll()
    .executeTakeFirst()
  return row ?? null
}

/** True when a sync has begun or ended since the start was requested. */
export function hasStarted(
  run: Pick<Run, 'start_requested_at' | 'sync_started_at' | 'sync_finished_at'>,
): boolean {
  const { start_requested_at: requestedAt } = run
  if (requestedAt === null) return true
  return [run.sync_started_at, run.sync_finished_at].some((at) => at !== null && at >= requestedAt)
}

const PAGE = 100

/** All requested starts, the oldest first, read page by page: each may be somebody else's by the time it is reached. */
export async function* requestedStarts(db: DbOrTransaction, page = PAGE): AsyncGenerator<Run, void> {
  let last: Run | undefined
  do {
    let query = db.selectFrom('runs').selectAll().where('start_requested_at', 'is not', null)
    if (last !== undefined) {
      query = query.where(
        sql<boolean>`(start_requested_at, id) > (${last.start_requested_at}::timestamptz, ${last.id}::text)`,
      )
    }
    const runs = await query.orderBy('start_requested_at').orderBy('id').limit(page).execute()
    yield* runs
    last = runs.length < page ? undefined : runs.at(-1)
  } while (last !== undefined)
}

/** All pending runs without a requested start of which nothing has been written for `quietForMs`. */
export async function* quietRuns(
  db: DbOrTransaction,
  quietForMs: number,
  page = PAGE,
): AsyncGenerator<Run, void> {
  let last: Run | undefined
  do {
    let query = db
      .selectFrom('runs')
      .selectAll()
      .where('cloud_status', '=', 'pending')
      .where('start_requested_at', 'is', null)
      .where('updated_at', '<', sql<string>`now() - make_interval(secs => ${quietForMs / 1000})`)
    if (last !== undefined) {
      query = query.where(
        sql<boolean>`(created_at, id) < (${last.created_at}::timestamptz, ${last.id}::text)`,
      )
    }
    const runs = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(page).execute()
    yield* runs
    last = runs.length < page ? undefined : runs.at(-1)
  } while (last !== undefined)
}
