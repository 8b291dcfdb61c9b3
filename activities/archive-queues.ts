// Which archives a process can see: those of the queue of its own host, and those of no queue where its disk is the shared one.

import type { Config } from '../db/config.ts'

export type ArchiveSight = Pick<Config, 'taskQueue' | 'archiveTaskQueue'> & {
  readonly sharedArchives?: boolean | undefined
}

/** `archiveTaskQueue` is the one that a run names, null when it names none. */
export function seesArchivesOf(config: ArchiveSight, archiveTaskQueue: string | null): boolean {
  const { taskQueue, archiveTaskQueue: own } = config
  const isShared =
    archiveTaskQueue === null || archiveTaskQueue === taskQueue || archiveTaskQueue === `${taskQueue}-uploads`
  if (isShared) return own === null || config.sharedArchives === true
  return archiveTaskQueue === own
}
