// A look at an archive before a run is accepted. The API knows no disk: the worker that has the archive looks, and
// when none answers within two seconds the run is accepted and says later what is wrong.

import { z } from 'zod'
import { ERROR_CODES, type ErrorCode } from '../workflows/errors.ts'
import { archiveQueues } from '../workflows/workflow-ids.ts'
import type { AppDeps } from './app-context.ts'

const LOOK_MS = 2_000

const findingSchema = z.union([
  z.object({ ok: z.literal(true), size: z.number() }),
  z.object({ ok: z.literal(false), code: z.enum(ERROR_CODES), message: z.string() }),
])

export type ArchiveFault = { readonly code: ErrorCode; readonly message: string }

export type ArchiveToInspect = {
  readonly archive: string
  readonly archive_task_queue: string | null
  /** Of a run that may have the archive pinned. */
  readonly run_id?: string
}

/** What is wrong with the archive; null when nothing is, or nobody could look. */
export async function inspectArchive(
  { temporal, config, log }: Pick<AppDeps, 'temporal' | 'config' | 'log'>,
  { archive_task_queue, ...args }: ArchiveToInspect,
): Promise<ArchiveFault | null> {
  try {
    const finding = await temporal.runActivity({
      name: 'inspectArchive',
      args,
      result: findingSchema,
      taskQueue: archiveQueues(config.taskQueue, archive_task_queue).archive,
      timeoutMs: LOOK_MS,
    })
    return finding.ok ? null : { code: finding.code, message: finding.message }
  } catch (error) {
    log.info(
      { err: error, archive: args.archive },
      'nobody could look at the archive: the run itself will tell',
    )
    return null
  }
}
