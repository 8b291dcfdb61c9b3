// Lets go of archives that are kept longer than they should be (design.md, rule 6), because the workflow that was to do
// it never began or was lost. The API knows no disk: it starts that workflow again, and the archive's host unlinks.

import { pinsDue } from '../db/kept-archives.ts'
import type { AppDeps } from './app-context.ts'

/** A sync that is asked for at this moment comes first. */
const RELEASE_AFTER_MS = 3_600_000

/** Throws when Temporal or the database is away. A host that is away is waited for by the workflow. */
export async function sweepPins(
  { db, temporal, log }: Pick<AppDeps, 'db' | 'temporal' | 'log'>,
  { releaseAfterMs = RELEASE_AFTER_MS }: { readonly releaseAfterMs?: number } = {},
): Promise<void> {
  for await (const run of pinsDue(db, { at: new Date().toISOString() })) {
    const { id: run_id, instance_slug: instance, archive_task_queue } = run
    const outcome = await temporal.releaseKeptArchive({
      run_id,
      instance,
      archive_task_queue,
      releaseAfterMs,
    })
    if (outcome === 'started') log.warn({ run_id }, 'nobody let the kept archive of this run go: it goes now')
  }
}
