// From a recorded run to its workflow. A run is written with the start that it is owed (db/runs/starts.ts); this carries
// the start out and confirms it. What was written but not started, because the process or Temporal went away in
// between, is found and carried out later by api/runs/healer.ts with the same function.

import type { Db } from '../../db/database.ts'
import { confirmStart, hasStarted, lockRequestedStart } from '../../db/runs/starts.ts'
import type { Run } from '../../db/schema.ts'
import type { TemporalClient } from '../temporal/client.ts'
import type { SyncStart } from '../temporal/runs.ts'

export type StartOutcome = 'started' | 'already_open' | 'not_pending'

/**
 * Carries out the start that a run was seen to owe, under a lock on its row: one of all who try it at once does, and the
 * workflow's own first write waits until it is confirmed. `not_pending`: somebody else has done it, or is about to.
 * Throws TemporalUnavailable; the start stays owed then.
 */
export async function startPending(
  { db, temporal }: { readonly db: Db; readonly temporal: Pick<TemporalClient, 'startSync'> },
  seen: Pick<Run, 'id' | 'start_requested_at'>,
): Promise<StartOutcome> {
  if (seen.start_requested_at === null) return 'not_pending'
  return db.transaction().execute(async (trx) => {
    const run = await lockRequestedStart(trx, seen)
    if (run === null) return 'not_pending'
    const outcome = hasStarted(run) ? 'not_pending' : await temporal.startSync(syncInput(run))
    await confirmStart(trx, run)
    return outcome
  })
}

function syncInput(run: Run): SyncStart {
  const accountIds = run.start_account_ids ?? run.account_ids
  return {
    run_id: run.id,
    instance: run.instance_slug,
    archive: run.archive,
    ...(run.database === null ? {} : { database: run.database }),
    ...(run.finished_at === null ? {} : { finished_at: run.finished_at }),
    ...(run.archive_task_queue === null ? {} : { archive_task_queue: run.archive_task_queue }),
    ...(accountIds === null ? {} : { account_ids: accountIds }),
  }
}
