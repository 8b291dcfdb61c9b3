// What a run writes to the database on its way and at its end: the states of its destinations, and its final status.

import { appendAudit } from '../../db/audit.ts'
import type { DbOrTransaction } from '../../db/database.ts'
import { databaseNow } from '../../db/database-server.ts'
import { saveDestination } from '../../db/runs/destinations.ts'
import { finishSync, noteRunError, settleDestinations } from '../../db/runs/ending.ts'
import { keepPinUntil, releasePin } from '../../db/runs/kept-archives.ts'
import { lockRun } from '../../db/runs/runs.ts'
import type { PinKind, Run } from '../../db/schema.ts'
import { KEEP_ARCHIVE_MS } from '../../workflows/archives/keep-time.ts'
import { cloudStatusOf } from '../../workflows/runs/cloud-status.ts'
import type { CloudStatus, CloudSyncStatus, DestinationState, StatusError } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { knownRun } from './load-run.ts'

type FinishedRun = {
  readonly status: CloudStatus
  readonly destinations: CloudSyncStatus
  /** How the archive is kept on its host; null when it is not. */
  readonly pin: PinKind | null
  /** True when a destination still lacks its copy and the archive is linked. */
  readonly keep_archive: boolean
}

export type FinishRunActivities = {
  saveDestination(input: {
    run_id: string
    account_id: string
    state: Partial<DestinationState>
  }): Promise<void>
  /**
   * Settles these destinations (null: all that are open) with the error. With null it is what stopped the run as a whole;
   * the run itself stays open until `finishRun`.
   */
  failRun(input: { run_id: string; account_ids: string[] | null; error: StatusError }): Promise<void>
  /** Closes the sync. What is still open ends with `unsettled`. A second try changes nothing. */
  finishRun(input: { run_id: string; unsettled?: StatusError }): Promise<FinishedRun>
}

export function createFinishRunActivities(deps: ActivityDeps): FinishRunActivities {
  const { db } = deps
  return {
    saveDestination: async ({ run_id, account_id, state }) => {
      await saveDestination(db, run_id, account_id, state)
      const event =
        state.status === 'failed' ? 'upload_failed' : state.status === 'cancelled' ? 'upload_cancelled' : null
      if (event === null) return
      const run = await knownRun(deps, run_id)
      await appendAudit(db, {
        actor: 'workflow',
        event,
        instance_slug: run.instance_slug,
        run_id,
        account_id,
        binding_id: run.cloud_sync_status[account_id]?.binding_id,
        details: { ...(state.error ? { error: state.error } : {}) },
      })
    },

    failRun: ({ run_id, account_ids, error }) =>
      db.transaction().execute(async (trx) => {
        await settleDestinations(trx, await lockRun(trx, run_id), account_ids, { actor: 'workflow', error })
        if (account_ids === null) await noteRunError(trx, run_id, error)
      }),

    finishRun: ({ run_id, unsettled }) =>
      db.transaction().execute(async (trx) => {
        const found = await lockRun(trx, run_id)
        if (unsettled !== undefined) {
          await settleDestinations(trx, found, null, { actor: 'workflow', error: unsettled })
        }
        const run = await lockRun(trx, run_id)
        const status = statusOf(run)
        if (run.cloud_status !== status) await close(trx, run, status)
        const { cloud_sync_status: destinations, pin } = await lockRun(trx, run_id)
        return { status, destinations, pin, keep_archive: needsArchive(status) && pin === 'linked' }
      }),
  }
}

/** The final status of a run. A destination that is not settled counts as failed: nothing works on it any more. */
function statusOf(run: Run): Exclude<CloudStatus, 'pending'> {
  const status = cloudStatusOf(run.cloud_sync_status)
  return status === 'pending' ? 'failed' : status
}

function needsArchive(status: CloudStatus): boolean {
  return status === 'failed' || status === 'cancelled'
}

async function close(trx: DbOrTransaction, run: Run, status: Exclude<CloudStatus, 'pending'>): Promise<void> {
  const isKept = needsArchive(status)
  // In the same transaction: a release at the same moment must find how long the archive is kept.
  if (isKept && run.pin === 'linked') {
    const keptUntil = (await databaseNow(trx)) + KEEP_ARCHIVE_MS
    await keepPinUntil(trx, run.id, new Date(keptUntil).toISOString())
  }
  await finishSync(trx, run.id, status, isKept ? run.error : null)
  // Nothing on the disk has to be removed: only the row says that it is kept.
  if (run.pin === 'original') await releasePin(trx, run.id)
  await appendAudit(trx, {
    actor: 'workflow',
    event: 'sync_finished',
    instance_slug: run.instance_slug,
    run_id: run.id,
    details: { cloud_status: status },
  })
}
