// What the API asks of an archive's disk before it answers: is the archive right, and is it kept. Run as activities by a
// worker that sees the archive, or called by the process itself where API and worker are one.

import { basename } from 'node:path'
import type { KeptArchive } from '../../db/runs/kept-archives.ts'
import { getRun } from '../../db/runs/runs.ts'
import type { ErrorCode } from '../../workflows/errors.ts'
import { joinedMessage } from '../../workflows/explanation.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, StepError } from '../failures.ts'
import { seesArchivesOf } from '../worker/archive-queues.ts'
import { isLinkOf, lookAt, removeLink } from './archive-link.ts'
import { findArchive } from './find-archive.ts'
import { keepArchive } from './keep-archive.ts'

type ArchiveInspection =
  /** `kept` only where it was asked for; null where the archive is right and could not be linked now. */
  | { readonly ok: true; readonly size: number; readonly kept?: KeptArchive | null }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string }

type ArchiveQuestion = {
  readonly archive: string
  /** Of a run whose pin, if its row names one that is there, counts as the archive. */
  readonly run_id?: string | null
  /** Links the archive for the run `run_id` in the same step. The link is the asker's until a row names it. */
  readonly keep?: boolean
}

type ArchiveInspectionActivities = {
  inspectArchive(question: ArchiveQuestion): Promise<ArchiveInspection>
  /** Removes a link that was made for a request that failed; never the link that the run's row names. */
  dropArchiveLink(input: { run_id: string; pin_path: string }): Promise<void>
}

type InspectionDeps = Pick<ActivityDeps, 'db' | 'config'>

export function createArchiveInspectionActivities(deps: InspectionDeps): ArchiveInspectionActivities {
  const { db, config } = deps
  return {
    inspectArchive: async ({ archive, run_id = null, keep = false }) => {
      try {
        const pinned = run_id === null ? null : await pinnedSize(deps, run_id)
        if (pinned !== null) return { ok: true, size: pinned }
        if (!keep || run_id === null)
          return { ok: true, size: (await findArchive(config.backupRoot, archive)).size }
        return await lookAndKeep(config.backupRoot, run_id, archive)
      } catch (error) {
        if (!(error instanceof StepError)) throw error
        const cause = causeOf(error)
        return { ok: false, code: cause.code, message: joinedMessage(cause) }
      }
    },

    dropArchiveLink: async ({ run_id, pin_path }) => {
      if (!isLinkOf(config.backupRoot, run_id, pin_path)) {
        throw new StepError('invalid_input', 'pin_path: is no link of this run.')
      }
      const kept = (await getRun(db, run_id))?.pin_path ?? null
      if (kept === null || basename(kept) !== basename(pin_path)) await removeLink(pin_path)
    },
  }
}

/** The same for an API in the process of the worker, without Temporal, which may be away. */
export function createLocalArchives(deps: InspectionDeps) {
  const { inspectArchive, dropArchiveLink } = createArchiveInspectionActivities(deps)
  return {
    sees: (archiveTaskQueue: string | null) => seesArchivesOf(deps.config, archiveTaskQueue),
    inspectArchive,
    dropArchiveLink,
  }
}

async function lookAndKeep(backupRoot: string, runId: string, archive: string): Promise<ArchiveInspection> {
  try {
    const kept = await keepArchive(backupRoot, runId, archive)
    return { ok: true, size: kept.size, kept }
  } catch (error) {
    if (!(error instanceof StepError) || error.code !== 'archive_unreadable') throw error
    // For example a full disk: the archive is right, and the run itself tries again to keep it.
    return { ok: true, size: (await findArchive(backupRoot, archive)).size, kept: null }
  }
}

/** Null where the run has no link, or its link is gone. Throws StepError `archive_unreadable`. */
async function pinnedSize({ db }: InspectionDeps, runId: string): Promise<number | null> {
  const run = await getRun(db, runId)
  if (run?.pin_path == null) return null
  const found = await lookAt(run.pin_path)
  return found === null ? null : Number(found.size)
}
