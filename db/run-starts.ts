// Starts that are owed to Temporal. A run is written together with the wish to start its sync, and the wish is cleared
// when Temporal has taken it; so a process that dies in between loses nothing: whoever finds the wish carries it out.
// A sync that began or ended after the wish was written needs no start any more.

import { sql } from 'kysely'
import type { DbOrTransaction } from './database.ts'
import { type NewRun, type RecordedRun, recordRun } from './runs.ts'
import type { Run } from './schema.ts'

/**
 * Records a run and owes its start; a run that is there already is left as it is. To be called in a transaction.
 * Throws as `recordRun` does.
 */
export async function recordRunToStart(trx: DbOrTransaction, values: NewRun): Promise<RecordedRun> {
  const recorded = await recordRun(trx, values)
  if (!recorded.created) return recorded
  const run = await trx
    .updateTable('runs')
    .set({ start_requested_at: sql<string>`now()` })
    .where('id', '=', recorded.run.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  return { run, created: true }
}

/**
 * Owes another sync of a run that has none open, and shows it as pending again. `accountIds` null means those of the
 * run. Null when the run has changed since it was seen, or a start is owed already.
 */
export async function requestRestart(
  db: DbOrTransaction,
  seen: Pick<Run, 'id' | 'updated_at'>,
  accountIds: readonly string[] | null,
): Promise<Run | null> {
  const row = await db
    .updateTable('runs')
    .set({
      start_requested_at: sql<string>`now()`,
      start_account_ids: accountIds === null ? null : JSON.stringify(accountIds),
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

/** Temporal has the start. Does nothing when the wish was renewed in the meantime. */
export async function confirmStart(
  db: DbOrTransaction,
  run: Pick<Run, 'id' | 'start_requested_at'>,
): Promise<void> {
  await db
    .updateTable('runs')
    .set({ start_requested_at: null, start_account_ids: null })
    .where('id', '=', run.id)
    .where('start_requested_at', '=', run.start_requested_at)
    .execute()
}

/** Starts that were not confirmed within `olderThanMs`, the oldest first. */
export async function listOwedStarts(
  db: DbOrTransaction,
  olderThanMs: number,
  limit = 100,
): Promise<readonly Run[]> {
  return db
    .selectFrom('runs')
    .selectAll()
    .where('start_requested_at', '<=', sql<string>`now() - make_interval(secs => ${olderThanMs / 1000})`)
    .orderBy('start_requested_at')
    .limit(limit)
    .execute()
}

/** True when a sync has begun or ended since the start was asked for. */
export function hasStarted(
  run: Pick<Run, 'start_requested_at' | 'sync_started_at' | 'sync_finished_at'>,
): boolean {
  const { start_requested_at: asked } = run
  if (asked === null) return true
  return [run.sync_started_at, run.sync_finished_at].some((at) => at !== null && at >= asked)
}

/** Runs that nothing has been written of for `quietForMs` although they are pending, and no start is owed. */
export async function listQuietRuns(
  db: DbOrTransaction,
  quietForMs: number,
  limit = 100,
): Promise<readonly Run[]> {
  return db
    .selectFrom('runs')
    .selectAll()
    .where('cloud_status', '=', 'pending')
    .where('start_requested_at', 'is', null)
    .where('updated_at', '<', sql<string>`now() - make_interval(secs => ${quietForMs / 1000})`)
    .orderBy('created_at', 'desc')
    .limit(limit)
    .execute()
}
