// Inspects an archive before a run is accepted, and pins it in the same step. This process inspects it itself where it runs
// beside the worker. Otherwise it asks the worker that has the archive. When no worker answers within two seconds, the run is
// accepted without a pin and reports later what is wrong.

import { z } from 'zod'
import type { Config } from '../../db/process/config.ts'
import type { Logger } from '../../db/process/log.ts'
import type { KeptArchive } from '../../db/runs/kept-archives.ts'
import { ERROR_CODES, type ErrorCode } from '../../workflows/errors.ts'
import { archiveQueues } from '../../workflows/workflow-ids.ts'
import { inTime } from '../http/in-time.ts'
import type { TemporalClient } from '../temporal/client.ts'

const LOOK_MS = 2_000

const keptSchema = z.object({
  size: z.number(),
  archive_path: z.string(),
  archive_mtime_ns: z.string(),
  pin: z.enum(['linked', 'original']),
  pin_path: z.string().nullable(),
  reason: z.string().nullable(),
})

const findingSchema = z.union([
  // A worker of an earlier version pins nothing and does not answer with `kept`.
  z.object({ ok: z.literal(true), size: z.number(), kept: keptSchema.nullish() }),
  z.object({ ok: z.literal(false), code: z.enum(ERROR_CODES), message: z.string() }),
])

const nothingSchema = z.unknown()

type ArchiveFault = { readonly code: ErrorCode; readonly message: string }

type Finding =
  | { readonly ok: true; readonly size: number; readonly kept?: KeptArchive | null | undefined }
  | ({ readonly ok: false } & ArchiveFault)

/** The archives that this process sees by itself. */
export interface LocalArchives {
  /** `archiveTaskQueue` is the one that a run names, null when it names none. */
  sees(archiveTaskQueue: string | null): boolean
  inspectArchive(question: { archive: string; run_id: string; keep: boolean }): Promise<Finding>
  dropArchiveLink(link: { run_id: string; pin_path: string }): Promise<void>
}

type ArchiveToInspect = {
  readonly archive: string
  readonly archive_task_queue: string | null
  /** The run that may already have a pin on the archive. */
  readonly run_id: string
  /** Also links the archive for this run. The caller has to note the link in the run's row, or drop it. */
  readonly keep: boolean
}

/** `fault` null: nothing is wrong, or nobody could inspect the archive. `kept` null: it is not pinned, or was before. */
type Inspection = { readonly fault: ArchiveFault | null; readonly kept: KeptArchive | null }

export type InspectDeps = {
  readonly temporal: Pick<TemporalClient, 'runActivity'>
  readonly config: Pick<Config, 'taskQueue'>
  readonly log: Logger
  /** The archives on this process's own disk. Missing where it has none: a worker is asked then. */
  readonly archives?: LocalArchives | undefined
}

const UNSEEN: Inspection = { fault: null, kept: null }

/** `canAsk` false: Temporal is known to be away, and no worker is asked. */
export async function inspectArchive(
  deps: InspectDeps,
  { archive_task_queue, ...question }: ArchiveToInspect,
  { canAsk = true }: { readonly canAsk?: boolean } = {},
): Promise<Inspection> {
  const { temporal, config, log, archives } = deps
  try {
    if (archives?.sees(archive_task_queue) === true) {
      // A disk that hangs must not delay the answer.
      return inspectionOf(await inTime(archives.inspectArchive(question), LOOK_MS, diskHangs))
    }
    if (!canAsk) return UNSEEN
    const finding = await temporal.runActivity({
      name: 'inspectArchive',
      args: question,
      result: findingSchema,
      taskQueue: archiveQueues(config.taskQueue, archive_task_queue).archive,
      timeoutMs: LOOK_MS,
    })
    return inspectionOf(finding)
  } catch (error) {
    log.info(
      { err: error, archive: question.archive },
      'nobody could look at the archive: the run itself will tell',
    )
    return UNSEEN
  }
}

/** Removes a link that no row names. Never fails: the sweep finds what is left. */
export async function dropLink(
  { temporal, config, log, archives }: InspectDeps,
  run: { readonly id: string; readonly archive_task_queue: string | null },
  kept: KeptArchive | null,
): Promise<void> {
  if (kept === null || kept.pin_path === null) return
  const link = { run_id: run.id, pin_path: kept.pin_path }
  try {
    if (archives?.sees(run.archive_task_queue) === true) return await archives.dropArchiveLink(link)
    await temporal.runActivity({
      name: 'dropArchiveLink',
      args: link,
      result: nothingSchema,
      taskQueue: archiveQueues(config.taskQueue, run.archive_task_queue).archive,
      timeoutMs: LOOK_MS,
    })
  } catch (error) {
    log.warn({ err: error, run_id: run.id }, 'a link that is of no use stays until the next sweep')
  }
}

function inspectionOf(finding: Finding): Inspection {
  if (finding.ok) return { fault: null, kept: finding.kept ?? null }
  return { fault: { code: finding.code, message: finding.message }, kept: null }
}

function diskHangs(): Error {
  return new Error(`the disk did not answer within ${LOOK_MS} ms`)
}
