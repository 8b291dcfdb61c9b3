// How a run ends: the closing of its sync, and the settling of what is open where its workflow does not do it, because it ended
// without a result or was cancelled before it began. Everything that such an end leaves is written in one transaction: the
// destinations, the run, how long its archive is kept (docs/design.md, rule 6), and the audit entries.

import { sql } from 'kysely'
import { KEEP_ARCHIVE_MS } from '../../workflows/archives/keep-time.ts'
import { cloudStatusOf } from '../../workflows/runs/cloud-status.ts'
import type { CloudStatus, StatusError } from '../../workflows/types.ts'
import { appendAudit } from '../audit.ts'
import type { Db, DbOrTransaction } from '../database.ts'
import { databaseNow } from '../database-server.ts'
import type { Run } from '../schema.ts'
import { changeDestination } from './destinations.ts'
import { keepPinUntil } from './kept-archives.ts'
import { runMissing } from './runs.ts'
import { confirmStart, hasStarted } from './starts.ts'

/** Notes what stopped the run as a whole; its sync stays open until finishSync. */
export async function noteRunError(db: DbOrTransaction, runId: string, error: StatusError): Promise<void> {
  const result = await db
    .updateTable('runs')
    .set({ error: JSON.stringify(error), updated_at: sql<string>`now()` })
    .where('id', '=', runId)
    .executeTakeFirst()
  if (result.numUpdatedRows === 0n) runMissing()
}

/** Closes a sync; `error` is what stopped the run as a whole. */
export async function finishSync(
  db: DbOrTransaction,
  runId: string,
  cloudStatus: Exclude<CloudStatus, 'pending'>,
  error: StatusError | null = null,
): Promise<Run> {
  const row = await db
    .updateTable('runs')
    .set({
      cloud_status: cloudStatus,
      error: error === null ? null : JSON.stringify(error),
      sync_finished_at: sql<string>`now()`,
      updated_at: sql<string>`now()`,
    })
    .where('id', '=', runId)
    .returningAll()
    .executeTakeFirst()
  return row ?? runMissing()
}

/**
 * Settles a pending run as it was seen: what is not settled of it gets the error. Resolves with how it ended, null when it
 * has changed in the meantime, and is left alone then.
 */
export async function settleLost(
  db: Db,
  seen: Pick<Run, 'id' | 'updated_at'>,
  error: StatusError,
): Promise<Outcome | null> {
  return db.transaction().execute(async (trx) => {
    const run = await trx
      .selectFrom('runs')
      .selectAll()
      .where('id', '=', seen.id)
      .where('updated_at', '=', seen.updated_at)
      .where('cloud_status', '=', 'pending')
      .where('start_requested_at', 'is', null)
      .forNoKeyUpdate()
      .executeTakeFirst()
    if (run === undefined) return null
    const actor = 'system'
    await settleDestinations(trx, run, null, { actor, error })
    const settled = await trx
      .selectFrom('runs')
      .selectAll()
      .where('id', '=', run.id)
      .executeTakeFirstOrThrow()
    const outcome = await close(trx, settled, error)
    const details = { cloud_status: outcome, ...(outcome === 'uploaded' ? {} : { error }) }
    await appendAudit(trx, {
      actor,
      event: 'sync_finished',
      instance_slug: run.instance_slug,
      run_id: run.id,
      details,
    })
    return outcome
  })
}

/** Ends these destinations (null: all that are open) as cancelled or failed. Under the lock on the run. */
export async function settleDestinations(
  trx: DbOrTransaction,
  run: Run,
  accountIds: readonly string[] | null,
  { actor, error }: { readonly actor: string; readonly error: StatusError },
): Promise<void> {
  const status = endOf(error)
  for (const [account_id, { binding_id, finished_at }] of Object.entries(run.cloud_sync_status)) {
    const isMeant = accountIds === null ? finished_at === null : accountIds.includes(account_id)
    if (!isMeant) continue
    await changeDestination(trx, run.id, account_id, { status, error, finished_at: new Date().toISOString() })
    await appendAudit(trx, {
      actor,
      event: status === 'cancelled' ? 'upload_cancelled' : 'upload_failed',
      instance_slug: run.instance_slug,
      run_id: run.id,
      account_id,
      binding_id,
      details: { error },
    })
  }
}

/**
 * Cancels a run before Temporal has confirmed its start. Waits for whoever has the start locked. False when no start is
 * requested (any more): the sync is open then.
 */
export async function cancelRequestedStart(
  db: Db,
  seen: Run,
  { actor, error }: { readonly actor: string; readonly error: StatusError },
): Promise<boolean> {
  const { start_requested_at } = seen
  if (start_requested_at === null) return false
  return db.transaction().execute(async (trx) => {
    const run = await confirmStart(trx, seen)
    if (run === null || hasStarted({ ...run, start_requested_at })) return false
    await close(trx, run, error)
    const { instance_slug, id } = run
    await appendAudit(trx, { actor, event: 'cancel_requested', instance_slug, run_id: id })
    return true
  })
}

type Outcome = 'uploaded' | 'failed' | 'cancelled'

/** The status of the run follows from its destinations, however its workflow ended; without any it follows from the error. */
async function close(trx: DbOrTransaction, run: Run, error: StatusError): Promise<Outcome> {
  const ofAll = cloudStatusOf(run.cloud_sync_status)
  const outcome = ofAll === 'none' || ofAll === 'pending' ? endOf(error) : ofAll
  const isSafe = outcome === 'uploaded'
  if (run.pin !== null) {
    const keptUntil = (await databaseNow(trx)) + (isSafe ? 0 : KEEP_ARCHIVE_MS)
    await keepPinUntil(trx, run.id, new Date(keptUntil).toISOString())
  }
  await finishSync(trx, run.id, outcome, isSafe ? null : error)
  return outcome
}

function endOf(error: StatusError): 'failed' | 'cancelled' {
  return error.code === 'cancelled' ? 'cancelled' : 'failed'
}
