// Lets go of archives that are kept longer than they should be (docs/design.md, rule 6), because the workflow that was to do
// it never began, was lost, or has waited for its host in vain, and of links that belong to no run. The API knows no disk:
// workers of each queue of archives are asked.

import { z } from 'zod'
import type { Db } from '../../db/database.ts'
import { databaseNow } from '../../db/database-server.ts'
import type { Config } from '../../db/process/config.ts'
import type { Logger } from '../../db/process/log.ts'
import { pinsDue, queuesOfHosts } from '../../db/runs/kept-archives.ts'
import { archiveQueues } from '../../workflows/workflow-ids.ts'
import type { TemporalClient } from '../temporal/client.ts'
import { ActivityRefused, NoWorkerAnswered } from '../temporal/failures.ts'

/** The sweep of a disk ends by itself earlier. */
const SWEEP_MS = 60_000
const RELEASE_MS = 30_000
const WORKER_WITHIN_MS = 5_000

type Deps = {
  readonly db: Db
  readonly temporal: Pick<TemporalClient, 'runActivity'>
  readonly log: Logger
  readonly config: Pick<Config, 'taskQueue'>
}

const releasedSchema = z.object({ is_released: z.boolean() })

/**
 * Throws when Temporal or the database is away. What lies on a host that is away is let go by a later sweep. A sync that
 * begins meanwhile comes first: the worker asks the row.
 */
export async function sweepPins({ db, temporal, log, config }: Deps): Promise<void> {
  const unserved = new Set<string>()
  const at = new Date(await databaseNow(db)).toISOString()
  for await (const { id: run_id, archive_task_queue } of pinsDue(db, { at })) {
    const taskQueue = archiveQueues(config.taskQueue, archive_task_queue).archive
    if (unserved.has(taskQueue)) continue
    try {
      const { is_released } = await temporal.runActivity({
        name: 'releaseArchive',
        args: { run_id, only_when_due: true },
        result: releasedSchema,
        taskQueue,
        timeoutMs: RELEASE_MS,
        workerWithinMs: WORKER_WITHIN_MS,
      })
      if (is_released) log.warn({ run_id }, 'nobody had let the kept archive of this run go')
    } catch (error) {
      if (error instanceof ActivityRefused) {
        log.error({ err: error, run_id }, 'the kept archive of this run cannot be let go')
        continue
      }
      if (!(error instanceof NoWorkerAnswered)) throw error
      unserved.add(taskQueue)
      log.info({ task_queue: taskQueue }, 'kept archives wait for a worker of this queue to be let go')
    }
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
