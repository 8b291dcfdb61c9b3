// Runs: one archive on its way to all of its destinations. Recording is idempotent by ID.

import { DbConflict, withConflicts } from '../conflict.ts'
import type { DbOrTransaction } from '../database.ts'
import type { Run } from '../schema.ts'
import { isArchiveOf } from './same-archive.ts'

export type NewRun = {
  readonly id: string
  readonly instance_slug: string
  /** As given by the caller. */
  readonly archive: string
  readonly workflow_id: string
  /** Lets an archive be recognised that is named in another way. It is not stored. */
  readonly backup_root?: string | undefined
  readonly database?: string | null | undefined
  readonly finished_at?: string | null | undefined
  readonly archive_task_queue?: string | null | undefined
  readonly account_ids?: readonly string[] | null | undefined
}

export type RecordedRun = { readonly run: Run; readonly created: boolean }

/**
 * The run of this ID, made when it is new. Throws DbConflict `run_id_conflict` when the ID belongs to another
 * instance or archive, `not_found` (field `instance`) when there is no such instance.
 */
export async function recordRun(db: DbOrTransaction, values: NewRun): Promise<RecordedRun> {
  const made = await withConflicts(
    { runs_instance_slug_fkey: () => new DbConflict('not_found', 'instance', 'There is no such instance.') },
    () =>
      db
        .insertInto('runs')
        .values({
          id: values.id,
          instance_slug: values.instance_slug,
          archive: values.archive,
          workflow_id: values.workflow_id,
          database: values.database ?? null,
          finished_at: values.finished_at ?? null,
          archive_task_queue: values.archive_task_queue ?? null,
          account_ids: values.account_ids == null ? null : JSON.stringify(values.account_ids),
        })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .returningAll()
        .executeTakeFirst(),
  )
  if (made !== undefined) {
    return { run: made, created: true }
  }
  const run = await db.selectFrom('runs').selectAll().where('id', '=', values.id).executeTakeFirstOrThrow()
  const { instance_slug, archive, backup_root } = values
  if (run.instance_slug !== instance_slug) {
    throw new DbConflict('run_id_conflict', 'run_id', 'This run_id belongs to a run of another instance.')
  }
  if (!isArchiveOf(run, archive, backup_root)) {
    throw new DbConflict('run_id_conflict', 'run_id', 'This run_id belongs to another archive.')
  }
  return { run, created: false }
}

export async function getRun(db: DbOrTransaction, id: string): Promise<Run | null> {
  const row = await db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst()
  return row ?? null
}

/**
 * The run as it is; nobody else writes it or its destinations until the transaction ends. Throws DbConflict `not_found`.
 */
export async function lockRun(trx: DbOrTransaction, runId: string): Promise<Run> {
  const run = await trx
    .selectFrom('runs')
    .selectAll()
    .where('id', '=', runId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  return run ?? runMissing()
}

/** Throws DbConflict `not_found`. */
export function runMissing(): never {
  throw new DbConflict('not_found', 'run_id', 'There is no such run.')
}

/** Those of the IDs that exist, in no order. */
export async function getRunsById(db: DbOrTransaction, ids: readonly string[]): Promise<readonly Run[]> {
  if (ids.length === 0) return []
  return db.selectFrom('runs').selectAll().where('id', 'in', ids).execute()
}
