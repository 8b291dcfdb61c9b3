// The state of a run's destinations: one row per destination, and the contract's `cloud_sync_status` on the run. One function
// writes both in one transaction under a lock on the run, so they cannot differ.

import { sql } from 'kysely'
import type { CloudSyncStatus } from '../../workflows/types.ts'
import { DbConflict } from '../conflict.ts'
import { type Db, type DbOrTransaction, inTransaction } from '../database.ts'
import type { Run } from '../schema.ts'
import { assertClaim, ClaimLost } from '../uploads/claims.ts'
import { renewPatience } from '../uploads/patience.ts'
import { DESTINATION_COLUMNS, type DestinationPatch, toPatch, toRow } from './destination-row.ts'
import { lockRun } from './runs.ts'

/** The execution of `cloudSyncWorkflow` that the sync belongs to: its workflow ID and Temporal's run ID. */
type SyncOwner = { readonly workflow_id: string; readonly execution_id: string }

type OpenedSync =
  | { readonly kind: 'opened'; readonly run: Run }
  /** The same execution has opened it before: nothing was changed, because its destinations may have begun. */
  | { readonly kind: 'opened_before'; readonly run: Run }
  /** A sync of the run is open under another workflow ID: nothing was changed. */
  | { readonly kind: 'open_elsewhere'; readonly workflow_id: string }

/** Opens the sync of an execution, unless it did so before or another workflow has one open. In a transaction. */
export async function openSync(
  trx: DbOrTransaction,
  runId: string,
  owner: SyncOwner,
  destinations: CloudSyncStatus,
): Promise<OpenedSync> {
  const seen = await lockRun(trx, runId)
  if (seen.execution_id === owner.execution_id) return { kind: 'opened_before', run: seen }
  const isOpen = seen.cloud_status === 'pending' && seen.sync_started_at !== null
  if (isOpen && seen.workflow_id !== owner.workflow_id)
    return { kind: 'open_elsewhere', workflow_id: seen.workflow_id }
  return { kind: 'opened', run: await beginSync(trx, runId, destinations, owner) }
}

/**
 * Opens a sync (the first, or a re-upload): the run is `pending` again, the given destinations stand as given,
 * others of earlier syncs stay as they were, and their upload sessions have all their patience again.
 */
export async function beginSync(
  db: DbOrTransaction,
  runId: string,
  destinations: CloudSyncStatus,
  owner: SyncOwner | null = null,
): Promise<Run> {
  return inTransaction(db, async (trx) => {
    await lockRun(trx, runId)
    for (const [accountId, state] of Object.entries(destinations)) {
      await trx
        .insertInto('destinations')
        .values({ run_id: runId, account_id: accountId, ...toRow(state) })
        .onConflict((conflict) =>
          conflict
            .columns(['run_id', 'account_id'])
            .doUpdateSet({ ...toRow(state), updated_at: sql<string>`now()` }),
        )
        .execute()
      await renewPatience(trx, runId, accountId)
    }
    return trx
      .updateTable('runs')
      .set({
        ...owner,
        cloud_sync_status: JSON.stringify(await readStatus(trx, runId)),
        cloud_status: 'pending',
        error: null,
        sync_started_at: sql<string>`now()`,
        sync_finished_at: null,
        kept_until: null,
        updated_at: sql<string>`now()`,
      })
      .where('id', '=', runId)
      .returningAll()
      .executeTakeFirstOrThrow()
  })
}

/**
 * Changes one destination and resolves with the whole status. Refused by the database: `uploaded` without
 * remote_id, remote_path, size, hash and finished_at, or with an error; `failed` without an error.
 * Throws DbConflict `not_found` when the run has no such destination, ClaimLost when a settled one is to become `uploading`
 * or `retrying`: only the beginning of a sync does that.
 */
export async function saveDestination(
  db: Db,
  runId: string,
  accountId: string,
  patch: DestinationPatch,
): Promise<CloudSyncStatus> {
  return db.transaction().execute(async (trx) => {
    await lockRun(trx, runId)
    if (patch.status === 'uploading' || patch.status === 'retrying')
      await refuseSettled(trx, runId, accountId)
    return changeDestination(trx, runId, accountId, patch)
  })
}

/**
 * Changes a destination while it is open: a settled one stays as it is until the next sync begins. An attempt names its
 * claim, and writes nothing once another attempt has claimed the upload. Throws ClaimLost; DbConflict `not_found` as above.
 */
export async function saveOpenDestination(
  db: Db,
  owner: { readonly run_id: string; readonly account_id: string; readonly claim?: number },
  patch: DestinationPatch,
): Promise<CloudSyncStatus> {
  const { run_id, account_id, claim } = owner
  return db.transaction().execute(async (trx) => {
    await lockRun(trx, run_id)
    if (claim !== undefined) await assertClaim(trx, { run_id, account_id, claim })
    await refuseSettled(trx, run_id, account_id)
    return changeDestination(trx, run_id, account_id, patch)
  })
}

async function refuseSettled(trx: DbOrTransaction, runId: string, accountId: string): Promise<void> {
  const settled = await trx
    .selectFrom('destinations')
    .select('status')
    .where('run_id', '=', runId)
    .where('account_id', '=', accountId)
    .where('finished_at', 'is not', null)
    .executeTakeFirst()
  if (settled !== undefined) throw new ClaimLost()
}

/** Under the lock on the run. */
export async function changeDestination(
  trx: DbOrTransaction,
  runId: string,
  accountId: string,
  patch: DestinationPatch,
): Promise<CloudSyncStatus> {
  const result = await trx
    .updateTable('destinations')
    .set({ ...toPatch(patch), updated_at: sql<string>`now()` })
    .where('run_id', '=', runId)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
  if (result.numUpdatedRows === 0n) {
    throw new DbConflict('not_found', 'destination', 'The run has no such destination.')
  }
  const status = await readStatus(trx, runId)
  await trx
    .updateTable('runs')
    .set({ cloud_sync_status: JSON.stringify(status), updated_at: sql<string>`now()` })
    .where('id', '=', runId)
    .execute()
  return status
}

/** The status from the rows of the destinations, keyed by account ID. */
async function readStatus(trx: DbOrTransaction, runId: string): Promise<CloudSyncStatus> {
  const rows = await trx
    .selectFrom('destinations')
    .select(['account_id', ...DESTINATION_COLUMNS])
    .where('run_id', '=', runId)
    .orderBy('account_id')
    .execute()
  return Object.fromEntries(rows.map(({ account_id, ...state }) => [account_id, state]))
}
