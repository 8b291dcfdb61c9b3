// What is at a destination now, and what a prune would do there: asked of the provider by an activity, because the API
// process has neither a provider's code nor opened credentials.

import type { z } from 'zod'
import type { Config } from '../../db/process/config.ts'
import type { PreviewInput } from '../../workflows/retention/plan-prune.ts'
import { prunePreviewSchema, remoteFilesSchema } from '../schemas/bindings.ts'
import type { TemporalClient } from '../temporal/client.ts'

/** A folder of many thousand files takes a provider a while. */
const LISTING_TIMEOUT_MS = 90_000
const WORKER_WITHIN_MS = 10_000

type AskDeps = {
  readonly temporal: Pick<TemporalClient, 'runActivity'>
  readonly config: Pick<Config, 'taskQueue'>
}

/** `database` stands for the placeholder of the remote path. Throws what TemporalClient.runActivity throws. */
export function listRemoteFiles(
  deps: AskDeps,
  args: { readonly binding_id: string; readonly database?: string | null },
): Promise<z.output<typeof remoteFilesSchema>> {
  return ask(deps, 'listRemoteFiles', args, remoteFilesSchema)
}

/** Deletes nothing. Throws what TemporalClient.runActivity throws. */
export function previewPrune(
  deps: AskDeps,
  args: PreviewInput,
): Promise<z.output<typeof prunePreviewSchema>> {
  return ask(deps, 'previewPrune', args, prunePreviewSchema)
}

function ask<T>({ temporal, config }: AskDeps, name: string, args: object, result: z.ZodType<T>): Promise<T> {
  return temporal.runActivity({
    name,
    args,
    result,
    taskQueue: config.taskQueue,
    timeoutMs: LISTING_TIMEOUT_MS,
    workerWithinMs: WORKER_WITHIN_MS,
  })
}
