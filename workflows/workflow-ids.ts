// Workflow IDs of the contract (docs/design.md, "Contract: Temporal"): built and parsed here only.

import type { CloudSyncInput } from './types.ts'

/** Slug of an instance: what a URL, a folder name and a workflow ID can all carry. */
export const INSTANCE_SLUG = /^[a-z0-9][a-z0-9_-]{0,63}$/
/** A run's ID is also a folder name on disk and a part of the workflow ID: no slash, no leading dot. */
export const RUN_ID = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$/

export function runWorkflowId(instance: string, runId: string): string {
  return `cloud-sync/${instance}/${runId}`
}

export function bindingWorkflowId(instance: string, runId: string, accountId: string): string {
  return `${runWorkflowId(instance, runId)}/${accountId}`
}

/** The workflow that releases a kept archive after its time. It belongs to no destination. */
export function pinWorkflowId(instance: string, runId: string): string {
  return `cloud-sync-pin/${instance}/${runId}`
}

/** The run ID inside a workflow ID of the contract's form, when it fits the instance; else null. */
export function runIdOf(workflowId: string, instance: string): string | null {
  const [prefix, slug, runId, ...rest] = workflowId.split('/')
  if (prefix !== 'cloud-sync' || slug !== instance || runId === undefined || rest.length > 0) return null
  return RUN_ID.test(runId) ? runId : null
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const SHORT_ENOUGH = 16

/**
 * The part of a run ID that a remote file name carries: the first 8 digits of a UUID, a short ID as it is, and 8 hexadecimal digits
 * of a hash (FNV-1a) for any other, because long IDs of a day's runs tend to begin or end alike.
 */
export function shortRunId(runId: string): string {
  if (UUID.test(runId)) return runId.slice(0, 8).toLowerCase()
  if (runId.length <= SHORT_ENOUGH) return plainRunId(runId)
  let hash = 0x811c9dc5
  for (const character of runId) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

/** A run ID in characters that every provider takes in a file name. */
export function plainRunId(runId: string): string {
  return runId.replace(/[^A-Za-z0-9_-]+/g, '-')
}

export type ArchiveQueues = {
  /** Short work on the archive: looking, linking, unlinking. */
  readonly archive: string
  /** Where uploads hold a slot for hours. */
  readonly uploads: string
}

/** The queues for archives that every worker can see, because the workers share one BACKUP_ROOT. */
export function sharedQueues(taskQueue: string): ArchiveQueues {
  return { archive: `${taskQueue}-archives`, uploads: `${taskQueue}-uploads` }
}

/**
 * The queues for work on the archive of a run: those of the host that the run names, else the shared ones.
 * Short work has a queue of its own, because uploads may hold every slot of theirs for hours.
 */
export function archiveQueues(
  taskQueue: string,
  archiveTaskQueue: CloudSyncInput['archive_task_queue'],
): ArchiveQueues {
  return archiveTaskQueue && isHostQueue(taskQueue, archiveTaskQueue)
    ? { archive: `${archiveTaskQueue}-archives`, uploads: archiveTaskQueue }
    : sharedQueues(taskQueue)
}

/** False for the names of the shared queues: they mean any worker. */
export function isHostQueue(taskQueue: string, archiveTaskQueue: string): boolean {
  const { archive, uploads } = sharedQueues(taskQueue)
  return ![taskQueue, archive, uploads].includes(archiveTaskQueue)
}
