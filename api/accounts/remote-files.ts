// Asks which files are at a destination, and what a prune would delete there. An activity asks the provider, because the API
// process has neither a provider's code nor opened credentials.

import type { z } from 'zod'
import type { Config } from '../../db/process/config.ts'
import type { PreviewInput } from '../../workflows/retention/plan-prune.ts'
import { prunePreviewSchema, remoteFilesSchema } from '../schemas/bindings.ts'
import type { TemporalClient } from '../temporal/client.ts'

/** A provider takes a while to list many thousand files. */
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
