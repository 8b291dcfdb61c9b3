// The look at an archive before a run is accepted; where somebody can see it, it is kept in the same step. This process
// itself looks where it runs beside the worker; else the worker that has the archive is asked, and when none answers
// within two seconds the run is accepted without a pin, and says later what is wrong.

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
  // A worker of an earlier version keeps nothing, and says nothing of it.
  z.object({ ok: z.literal(true), size: z.number(), kept: keptSchema.nullish() }),
  z.object({ ok: z.literal(false), code: z.enum(ERROR_CODES), message: z.string() }),
])

const nothingSchema = z.unknown()

export type ArchiveFault = { readonly code: ErrorCode; readonly message: string }

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

export type ArchiveToInspect = {
  readonly archive: string
  readonly archive_task_queue: string | null
  /** Of a run that may have the archive pinned. */
  readonly run_id: string
  /** Links the archive for this run as well; the link has to be noted in the run's row, or dropped. */
  readonly keep: boolean
}

/** `fault` null: nothing is wrong with the archive, or nobody could look. `kept` null: nobody keeps it, or it was pinned before. */
export type Inspection = { readonly fault: ArchiveFault | null; readonly kept: KeptArchive | null }

export type InspectDeps = {
  readonly temporal: Pick<TemporalClient, 'runActivity'>
  readonly config: Pick<Config, 'taskQueue'>
  readonly log: Logger
  /** The archives on this process's own disk; missing where it sees none, and a worker is asked. */
  readonly archives?: LocalArchives | undefined
}

const UNSEEN: Inspection = { fault: null, kept: null }

/** With `canAsk` false no worker is asked: Temporal is known to be away. */
export async function inspectArchive(
  deps: InspectDeps,
  { archive_task_queue, ...question }: ArchiveToInspect,
  { canAsk = true }: { readonly canAsk?: boolean } = {},
): Promise<Inspection> {
  const { temporal, config, log, archives } = deps
  try {
    if (archives?.sees(archive_task_queue) === true) {
      // A disk that hangs must not hold the answer up.
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

/** Removes a link that no row names, and never fails: what stays is found by the sweep. */
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
