// Which archives a process can see, and so which queues of work on archives it serves: those of the queue of its own host,
// and those of no queue where its disk is the shared one.

import type { Config } from '../../db/process/config.ts'
import { type ArchiveQueues, archiveQueues, isHostQueue, sharedQueues } from '../../workflows/workflow-ids.ts'

type ArchiveSight = Pick<Config, 'taskQueue' | 'archiveTaskQueue' | 'sharedArchives'>

/** `named` is the queue that a run names, null when it names none. */
export function seesArchivesOf(config: ArchiveSight, named: string | null): boolean {
  const { taskQueue, archiveTaskQueue: own, sharedArchives } = config
  return named !== null && isHostQueue(taskQueue, named) ? named === own : sharedArchives
}

/** The queues of work on archives that this process can do: a run that names no host must not reach a host's own disk. */
export function servedQueues(config: ArchiveSight): readonly ArchiveQueues[] {
  const { taskQueue, archiveTaskQueue: own, sharedArchives } = config
  const hasOwn = own !== null && isHostQueue(taskQueue, own)
  return [
    ...(sharedArchives ? [sharedQueues(taskQueue)] : []),
    ...(hasOwn ? [archiveQueues(taskQueue, own)] : []),
  ]
}
