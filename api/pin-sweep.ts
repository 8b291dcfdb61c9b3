// Lets go of archives that are kept longer than they should be (design.md, rule 6), because the workflow that was to do
// it never began or was lost, and of links that belong to no run. The API knows no disk: it starts that workflow again, and
// has workers of each queue of archives look at their disk.

import { z } from 'zod'
import { databaseNow } from '../db/clock.ts'
import { pinsDue, queuesOfHosts } from '../db/kept-archives.ts'
import { archiveQueues } from '../workflows/workflow-ids.ts'
import type { AppDeps } from './app-context.ts'
import { NoWorkerAnswered } from './temporal-client.ts'

/** A sync that is asked for at this moment comes first. */
const RELEASE_AFTER_MS = 3_600_000
/** The activity itself ends earlier. */
const SWEEP_MS = 60_000
const WORKER_WITHIN_MS = 5_000

type Deps = Pick<AppDeps, 'db' | 'temporal' | 'log' | 'config'>

/** Throws when Temporal or the database is away. A host that is away is waited for by the workflow. */
export async function sweepPins(
  { db, temporal, log }: Pick<Deps, 'db' | 'temporal' | 'log'>,
  { releaseAfterMs = RELEASE_AFTER_MS }: { readonly releaseAfterMs?: number } = {},
): Promise<void> {
  for await (const run of pinsDue(db, { at: new Date(await databaseNow(db)).toISOString() })) {
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

const sweptSchema = z.object({ removed: z.number() })

/**
 * Has every disk looked at for links that no run names; those of hosts are known by the runs of the last month.
 * Throws when Temporal or the database is away; a disk whose worker does not answer has its turn at the next sweep.
 */
export async function sweepOrphans({ db, temporal, log, config }: Deps): Promise<void> {
  const named = await queuesOfHosts(db)
  const queues = new Set([null, ...named].map((queue) => archiveQueues(config.taskQueue, queue).archive))
  const sweep = async (taskQueue: string) => {
    try {
      await temporal.runActivity({
        name: 'sweepOrphanPins',
        args: {},
        result: sweptSchema,
        taskQueue,
        timeoutMs: SWEEP_MS,
        workerWithinMs: WORKER_WITHIN_MS,
      })
    } catch (error) {
      if (!(error instanceof NoWorkerAnswered)) throw error
      log.info({ task_queue: taskQueue }, 'nobody looked for links without a run: this queue has no worker')
    }
  }
  await Promise.all([...queues].map(sweep))
}
