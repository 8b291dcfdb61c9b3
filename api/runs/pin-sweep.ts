// Releases pins that are kept too long (docs/design.md, rule 6), because the workflow that should release them never began, was
// lost, or waits for a host that is away. It also removes links that belong to no run. The API itself sees no disk, so it asks
// the workers of each archive queue.

import { z } from 'zod'
import type { Db } from '../../db/database.ts'
import { databaseNow } from '../../db/database-server.ts'
import type { Config } from '../../db/process/config.ts'
import type { Logger } from '../../db/process/log.ts'
import { pinsDue, queuesOfHosts } from '../../db/runs/kept-archives.ts'
import { archiveQueues } from '../../workflows/workflow-ids.ts'
import type { TemporalClient } from '../temporal/client.ts'
import { ActivityRefused, NoWorkerAnswered } from '../temporal/failures.ts'

/** The activity itself ends earlier. */
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
 * Throws when Temporal or the database is away. Pins on a host that is away are released by a later sweep. A sync that begins in
 * the meantime keeps its pin, because the worker reads the row first.
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
      if (is_released) log.warn({ run_id }, 'released a pin that nothing else had released')
    } catch (error) {
      if (error instanceof ActivityRefused) {
        log.error({ err: error, run_id }, 'the pin of this run cannot be released')
        continue
      }
      if (!(error instanceof NoWorkerAnswered)) throw error
      unserved.add(taskQueue)
      log.info({ task_queue: taskQueue }, 'pins wait for a worker of this queue to release them')
    }
  }
}

const sweptSchema = z.object({ removed: z.number() })

/**
 * Asks the worker of every disk to remove links that no run names. Hosts are known from the runs of the last month. Throws when
 * Temporal or the database is away. A disk whose worker does not answer is swept the next time.
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
