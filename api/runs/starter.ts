// Starts the workflow of a recorded run. A run is written together with its requested start (db/runs/starts.ts). This module makes
// the start and confirms it. When the process or Temporal fails in between, api/runs/healer.ts makes the start later with the
// same function.

import type { Db } from '../../db/database.ts'
import { confirmStart, hasStarted, lockRequestedStart } from '../../db/runs/starts.ts'
import type { Run } from '../../db/schema.ts'
import type { TemporalClient } from '../temporal/client.ts'
import type { SyncStart } from '../temporal/runs.ts'

export type StartOutcome = 'started' | 'already_open' | 'not_requested'

/**
 * Makes the requested start of a run, under a lock on its row. Of all who try at once, one makes it, and the workflow's own first
 * write waits until the start is confirmed. `not_requested`: somebody else has made it or is about to.
 * Throws TemporalUnavailable; the start stays requested then.
 */
export async function startRequested(
  { db, temporal }: { readonly db: Db; readonly temporal: Pick<TemporalClient, 'startSync'> },
  seen: Pick<Run, 'id' | 'start_requested_at'>,
): Promise<StartOutcome> {
  if (seen.start_requested_at === null) return 'not_requested'
  return db.transaction().execute(async (trx) => {
    const run = await lockRequestedStart(trx, seen)
    if (run === null) return 'not_requested'
    const outcome = hasStarted(run) ? 'not_requested' : await temporal.startSync(syncInput(run))
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
