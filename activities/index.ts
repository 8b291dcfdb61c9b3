// The registry of activities: made from their dependencies in the worker; the workflows see only the type.

import { createCheckAccountActivities } from './accounts/check-account.ts'
import { createListRemoteFilesActivities } from './accounts/list-remote-files.ts'
import { createArchiveInspectionActivities } from './archives/inspect-archive.ts'
import { createOrphanActivities } from './archives/orphan-links.ts'
import { createPinActivities } from './archives/pin-archive.ts'
import type { ActivityDeps } from './dependencies.ts'
import { withFailures } from './failures.ts'
import { createVerifyActivities } from './proofs/verify-upload.ts'
import { createPlanPruneActivities } from './retention/plan-prune.ts'
import { createPreviewActivities } from './retention/preview.ts'
import { createPruneActivities } from './retention/prune.ts'
import { createFinishRunActivities } from './runs/finish-run.ts'
import { createRecordRunActivities } from './runs/record-run.ts'
import { createAbortActivities } from './uploads/abort-upload.ts'
import { createTurnActivities } from './uploads/await-turn.ts'
import { createUploadActivities } from './uploads/upload-archive.ts'

/** Every activity fails with ApplicationFailures of our codes only. */
export function createActivities(deps: ActivityDeps) {
  const records = { ...createRecordRunActivities(deps), ...createFinishRunActivities(deps) }
  const pins = createPinActivities(deps)
  const inspection = createArchiveInspectionActivities(deps)
  const { log } = deps
  return {
    recordRun: withFailures(log, records.recordRun),
    refuseRun: withFailures(log, records.refuseRun),
    saveDestination: withFailures(log, records.saveDestination),
    failRun: withFailures(log, records.failRun),
    finishRun: withFailures(log, records.finishRun),
    pinArchive: withFailures(log, pins.pinArchive),
    releaseArchive: withFailures(log, pins.releaseArchive),
    awaitTurn: withFailures(log, createTurnActivities(deps).awaitTurn),
    uploadArchive: withFailures(log, createUploadActivities(deps).uploadArchive),
    verifyUpload: withFailures(log, createVerifyActivities(deps).verifyUpload),
    planRemotePrune: withFailures(log, createPlanPruneActivities(deps).planRemotePrune),
    pruneRemote: withFailures(log, createPruneActivities(deps).pruneRemote),
    abortUpload: withFailures(log, createAbortActivities(deps).abortUpload),
    checkAccount: withFailures(log, createCheckAccountActivities(deps).checkAccount),
    listRemoteFiles: withFailures(log, createListRemoteFilesActivities(deps).listRemoteFiles),
    previewPrune: withFailures(log, createPreviewActivities(deps).previewPrune),
    inspectArchive: withFailures(log, inspection.inspectArchive),
    dropArchiveLink: withFailures(log, inspection.dropArchiveLink),
    sweepOrphanPins: withFailures(log, createOrphanActivities(deps).sweepOrphanPins),
  }
}

export type Activities = ReturnType<typeof createActivities>

/** What only a worker can do that sees the archive: short work, and uploads. */
const ON_ARCHIVES = [
  'inspectArchive',
  'dropArchiveLink',
  'pinArchive',
  'releaseArchive',
  'sweepOrphanPins',
] as const satisfies (keyof Activities)[]
/** What any worker can do; a worker that sees the archive sometimes does it better. */
const ALSO_ON_ARCHIVES = ['abortUpload'] as const satisfies (keyof Activities)[]
const UPLOADS = ['uploadArchive'] as const satisfies (keyof Activities)[]

type ActivitiesByQueue = {
  /** For TASK_QUEUE, on a worker that sees no shared archives. */
  readonly withoutArchives: Partial<Activities>
  /**
   * For TASK_QUEUE, on a worker that sees the shared archives: runs of versions whose short work on archives had no queue of
   * its own find it here.
   */
  readonly withArchives: Partial<Activities>
  readonly onArchives: Partial<Activities>
  readonly uploads: Partial<Activities>
}

/** A queue offers what its workers can do, so that misdirected work is never done on the wrong disk. */
export function activitiesByQueue(all: Activities): ActivitiesByQueue {
  const withArchives = without(all, UPLOADS)
  return {
    withoutArchives: without(withArchives, ON_ARCHIVES),
    withArchives,
    onArchives: only(all, [...ON_ARCHIVES, ...ALSO_ON_ARCHIVES]),
    uploads: only(all, UPLOADS),
  }
}

function only(all: Partial<Activities>, names: readonly string[]): Partial<Activities> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)))
}

function without(all: Partial<Activities>, names: readonly string[]): Partial<Activities> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name)))
}
