// cloudSyncWorkflow: one backup run on its way to every destination bound to its instance. It records the run, keeps the
// archive, starts one child per destination and closes the run. A destination that fails is data, not a failure of the
// workflow; what is wrong with the call itself or the archive is.

import type { ApplicationFailure } from '@temporalio/common'
import {
  CancellationScope,
  isCancellation,
  proxyActivities,
  setHandler,
  upsertSearchAttributes,
  uuid4,
  type WorkflowInfo,
  workflowInfo,
} from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import { recordOptions } from './activity-options.ts'
import { pinOnItsHost, releaseOrKeep } from './archives/kept-archive.ts'
import { isErrorCode } from './errors.ts'
import { explanationOf } from './explanation.ts'
import { permanentFailure, statusErrorOf } from './failures.ts'
import { cloudSyncStatusQuery, destinationChangedSignal } from './messages.ts'
import { syncDestinations } from './runs/destination-workflows.ts'
import { parseCloudSyncInput } from './runs/input.ts'
import { changeDestination, type OpenRun, setStatus } from './runs/open-run.ts'
import { backupRunIdKey, cloudSyncStatusKey, odooInstanceKey } from './search-attributes.ts'
import type { CloudSyncInput, CloudSyncResult, CloudSyncStatus, StatusError } from './types.ts'
import { archiveQueues, runIdOf } from './workflow-ids.ts'

const { recordRun, refuseRun, failRun, finishRun } = proxyActivities<Activities>(recordOptions)

export async function cloudSyncWorkflow(argument: CloudSyncInput): Promise<CloudSyncResult> {
  const input = checkInput(argument)
  const info = workflowInfo()
  const runId = input.run_id ?? runIdOf(info.workflowId, input.instance) ?? uuid4()
  const run: OpenRun = {
    runId,
    input,
    queues: archiveQueues(info.taskQueue, input.archive_task_queue),
    isHostQueue: Boolean(input.archive_task_queue),
    status: {},
  }
  setHandler(cloudSyncStatusQuery, (): CloudSyncStatus => run.status)
  setHandler(destinationChangedSignal, ({ account_id, state }) => changeDestination(run, account_id, state))
  upsertSearchAttributes([
    { key: odooInstanceKey, value: input.instance },
    { key: backupRunIdKey, value: runId },
    { key: cloudSyncStatusKey, value: 'pending' },
  ])

  const { destinations, status, pin } = await record(run, info)
  setStatus(run, status)
  if (destinations.length === 0) return CancellationScope.nonCancellable(() => close(run))

  try {
    // In histories of earlier versions the result lacks this field; they go on as they began.
    if (pin === null || pin === undefined) await pinOnItsHost(run)
  } catch (failure) {
    return CancellationScope.nonCancellable(() => closeWithoutArchive(run, failure))
  }
  const failure = await syncDestinations(run, destinations)
  // A destination whose child was cancelled before it began, or whose end could not be written, is settled here.
  const unsettled = failure === null ? undefined : statusErrorOf(failure)
  const result = await CancellationScope.nonCancellable(() => close(run, unsettled))
  if (failure !== null && isCancellation(failure)) throw failure
  return result
}

function checkInput(argument: unknown): CloudSyncInput {
  const parsed = parseCloudSyncInput(argument)
  if (parsed.ok) return parsed.input
  const issues = parsed.issues.map(({ path, message }) =>
    path === '' ? `input ${message}` : `${path} ${message}`,
  )
  throw permanentFailure('invalid_input', issues.join('; '))
}

/** What is wrong with the call ends the workflow with its code; a run that the API has recorded before says so too. */
async function record(run: OpenRun, { workflowId: workflow_id, runId: execution_id }: WorkflowInfo) {
  const { input, runId: run_id } = run
  const { instance, archive } = input
  try {
    return await recordRun({ ...input, run_id, workflow_id, execution_id })
  } catch (failure) {
    const error = statusErrorOf(failure)
    // A run that the API has recorded before, or that was recorded while the cancellation arrived, is not left pending.
    await CancellationScope.nonCancellable(() => refuseRun({ run_id, instance, archive, workflow_id, error }))
    throw isCancellation(failure) ? failure : failureOf(error)
  }
}

/** What is wrong with the archive holds for every destination; the run says so, and so does the workflow's failure. */
async function closeWithoutArchive(run: OpenRun, failure: unknown): Promise<CloudSyncResult> {
  const error = statusErrorOf(failure)
  const status = isCancellation(failure) ? 'cancelled' : 'failed'
  for (const [accountId, { finished_at }] of Object.entries(run.status)) {
    if (finished_at === null) changeDestination(run, accountId, { status, error })
  }
  await failRun({ run_id: run.runId, account_ids: null, error })
  await close(run)
  if (isCancellation(failure)) throw failure
  throw failureOf(error)
}

function failureOf(error: StatusError): ApplicationFailure {
  const { fact, advice } = explanationOf(error)
  return permanentFailure(isErrorCode(error.code) ? error.code : 'internal_error', fact, advice)
}

/**
 * Counts the run up, releases the archive where every destination has it, and keeps it for a week otherwise. `unsettled` is
 * what destinations end with that have not ended.
 */
async function close(run: OpenRun, unsettled?: StatusError): Promise<CloudSyncResult> {
  const { runId } = run
  const { status, destinations, pin, keep_archive } = await finishRun({
    run_id: runId,
    ...(unsettled === undefined ? {} : { unsettled }),
  })
  upsertSearchAttributes([{ key: cloudSyncStatusKey, value: status }])
  setStatus(run, destinations)
  // In histories of earlier versions the result lacks this field; they go on as they began.
  if (pin !== null) await releaseOrKeep(run, keep_archive)
  return { run_id: runId, status, destinations }
}
