// Workflow IDs of the contract (design.md, "Contract: Temporal"): built and parsed here only.

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

/** The workflow that lets a kept archive go after its time; it is no child in the sense of a destination. */
export function pinWorkflowId(instance: string, runId: string): string {
  return `cloud-sync-pin/${instance}/${runId}`
}

/** The run ID inside a workflow ID of the contract's form, when it fits the instance; else null. */
export function runIdOf(workflowId: string, instance: string): string | null {
  const [prefix, slug, runId, ...rest] = workflowId.split('/')
  if (prefix !== 'cloud-sync' || slug !== instance || runId === undefined || rest.length > 0) return null
  return RUN_ID.test(runId) ? runId : null
}

/** The first characters of a run ID that tell two archives of one name apart in a remote file name. */
export function shortRunId(runId: string): string {
  const letters = runId.replace(/[^A-Za-z0-9]/g, '')
  // A time-ordered ID differs at its end, a random one everywhere.
  return letters.slice(-8).toLowerCase()
}

export type UploadQueues = {
  /** Where the archive can be reached for short work: linking, unlinking. */
  readonly archive: string
  /** Where uploads hold a slot for hours. */
  readonly uploads: string
}

/**
 * A host's own queue carries its uploads; short work on its disk has a queue beside it, because uploads may hold
 * every slot of the first one for hours.
 */
export function uploadQueues(
  taskQueue: string,
  archiveTaskQueue: CloudSyncInput['archive_task_queue'],
): UploadQueues {
  const isShared = archiveTaskQueue === taskQueue || archiveTaskQueue === `${taskQueue}-uploads`
  return archiveTaskQueue && !isShared
    ? { archive: `${archiveTaskQueue}-archives`, uploads: archiveTaskQueue }
    : { archive: taskQueue, uploads: `${taskQueue}-uploads` }
}
