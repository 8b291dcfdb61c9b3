// cloudSyncWorkflow: one backup run on its way to every destination bound to its instance. It records the run, keeps
// the archive, sends one child a destination and closes the run. A destination that fails is data, not a failure of the
// workflow; what is wrong with the call itself or the archive is.

import { WorkflowExecutionAlreadyStartedError, WorkflowIdReusePolicy } from '@temporalio/common'
import {
  CancellationScope,
  type ChildWorkflowHandle,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  ParentClosePolicy,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  upsertSearchAttributes,
  uuid4,
  type WorkflowInfo,
  workflowInfo,
} from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import { archiveOptions, recordOptions, releaseOptions } from './activity-options.ts'
import { KEEP_ARCHIVE_MS } from './archives/keep-time.ts'
import { bindingSyncWorkflow, FIRST_STEP } from './binding-sync.ts'
import { isErrorCode } from './errors.ts'
import { permanentFailure, statusErrorOf } from './failures.ts'
import { keepArchiveWorkflow } from './keep-archive.ts'
import { cloudSyncStatusQuery, destinationChangedSignal } from './messages.ts'
import { type Destination, describeDestinations } from './runs/destination.ts'
import { parseCloudSyncInput } from './runs/input.ts'
import { backupRunIdKey, cloudAccountKey, cloudSyncStatusKey, odooInstanceKey } from './search-attributes.ts'
import type {
  CloudSyncInput,
  CloudSyncResult,
  CloudSyncStatus,
  DestinationState,
  StatusError,
} from './types.ts'
import { detailsText, summaryText } from './web-ui-text.ts'
import {
  type ArchiveQueues,
  archiveQueues,
  bindingWorkflowId,
  pinWorkflowId,
  runIdOf,
} from './workflow-ids.ts'

const { recordRun, refuseRun, failRun, finishRun } = proxyActivities<Activities>(recordOptions)

export async function cloudSyncWorkflow(argument: CloudSyncInput): Promise<CloudSyncResult> {
  const input = checkInput(argument)
  const info = workflowInfo()
  const runId = input.run_id ?? runIdOf(info.workflowId, input.instance) ?? uuid4()
  const sync: Sync = {
    runId,
    input,
    queues: archiveQueues(info.taskQueue, input.archive_task_queue),
    isHostQueue: Boolean(input.archive_task_queue),
    status: {},
  }
  setHandler(cloudSyncStatusQuery, (): CloudSyncStatus => sync.status)
  setHandler(destinationChangedSignal, ({ account_id, state }) => change(sync, account_id, state))
  upsertSearchAttributes([
    { key: odooInstanceKey, value: input.instance },
    { key: backupRunIdKey, value: runId },
    { key: cloudSyncStatusKey, value: 'pending' },
  ])

  const { destinations, status, pin } = await record(sync, info)
  sync.status = status
  setCurrentDetails(describeDestinations(sync.status))
  if (destinations.length === 0) return CancellationScope.nonCancellable(() => close(sync))

  try {
    // Histories of earlier versions do not say how the archive is kept, and go on as they began.
    if (pin === null || pin === undefined) await pinOnItsHost(sync)
  } catch (failure) {
    return CancellationScope.nonCancellable(() => closeWithoutArchive(sync, failure))
  }
  const failure = await syncDestinations(sync, destinations)
  // A destination whose child was cancelled before it began, or whose end could not be written, is settled here.
  const unsettled = failure === null ? undefined : statusErrorOf(failure)
  const result = await CancellationScope.nonCancellable(() => close(sync, unsettled))
  if (failure !== null && isCancellation(failure)) throw failure
  return result
}

/** Where the worker that recorded the run does not see the archive. */
async function pinOnItsHost({ runId, queues, isHostQueue }: Sync): Promise<void> {
  const { pinArchive } = proxyActivities<Activities>(archiveOptions(queues.archive, isHostQueue))
  await pinArchive({ run_id: runId })
}

type Sync = {
  readonly runId: string
  readonly input: CloudSyncInput
  readonly queues: ArchiveQueues
  readonly isHostQueue: boolean
  status: CloudSyncStatus
}

function checkInput(argument: unknown): CloudSyncInput {
  const parsed = parseCloudSyncInput(argument)
  if (parsed.ok) return parsed.input
  const issues = parsed.issues.map(({ path, message }) =>
    path === '' ? `input ${message}` : `${path} ${message}`,
  )
  throw permanentFailure('invalid_input', issues.join('; '))
}

function change(sync: Sync, accountId: string, state: Partial<DestinationState>): void {
  const known = sync.status[accountId]
  if (known === undefined) return
  sync.status = { ...sync.status, [accountId]: { ...known, ...state } }
  setCurrentDetails(describeDestinations(sync.status))
}

/** What is wrong with the call ends the workflow with its code; a run that the API has recorded before says so too. */
async function record(sync: Sync, { workflowId: workflow_id, runId: execution_id }: WorkflowInfo) {
  const { input, runId: run_id } = sync
  const { instance, archive } = input
  try {
    return await recordRun({ ...input, run_id, workflow_id, execution_id })
  } catch (failure) {
    const error = statusErrorOf(failure)
    // A run that the API has recorded before, or that was recorded while the cancellation arrived, is not left pending.
    await CancellationScope.nonCancellable(() => refuseRun({ run_id, instance, archive, workflow_id, error }))
    throw isCancellation(failure) ? failure : permanentFailure(codeOf(error), error.message)
  }
}

/**
 * All destinations in parallel; one that fails holds nobody else up. Resolves with the cancellation of this workflow, or else
 * with what kept the end of a destination from being written; null when each has ended.
 */
async function syncDestinations(sync: Sync, destinations: readonly Destination[]): Promise<unknown> {
  const outcomes = await Promise.allSettled(destinations.map((destination) => syncOne(sync, destination)))
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  for (const failure of failures) {
    if (!isCancellation(failure))
      log.warn('a destination could not be settled', { error: statusErrorOf(failure).code })
  }
  return failures.find((failure) => isCancellation(failure)) ?? failures[0] ?? null
}

async function syncOne(sync: Sync, destination: Destination): Promise<void> {
  const { runId, input } = sync
  const { account_id } = destination
  const workflowId = bindingWorkflowId(input.instance, runId, account_id)
  try {
    const child = await startChild(bindingSyncWorkflow, {
      workflowId,
      args: [
        {
          run_id: runId,
          instance: input.instance,
          upload_queue: sync.queues.uploads,
          destination,
          step: FIRST_STEP,
        },
      ],
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      // Also a terminated parent lets its children give up their sessions at the provider.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      typedSearchAttributes: [
        { key: odooInstanceKey, value: input.instance },
        { key: backupRunIdKey, value: runId },
        { key: cloudAccountKey, value: account_id },
        { key: cloudSyncStatusKey, value: 'pending' },
      ],
      staticSummary: summaryText(`${input.instance} → ${destination.account}`),
      staticDetails: detailsText(
        `Archive \`${input.archive}\` to **${destination.account}** (${destination.provider}), folder \`${destination.folder}\``,
      ),
    })
    change(sync, account_id, await resultOf(child, workflowId))
  } catch (failure) {
    if (isCancellation(failure)) {
      if (CancellationScope.current().consideredCancelled) throw failure
      // Somebody cancelled this child alone: it has settled its destination, and the others go on.
      return change(sync, account_id, { status: 'cancelled', error: statusErrorOf(failure) })
    }
    // The child ends normally also when its upload failed: this is a child that could not run.
    const error: StatusError =
      failure instanceof WorkflowExecutionAlreadyStartedError
        ? {
            code: 'sync_open',
            message: 'Another sync of this run to this account is still open.',
            retryable: false,
          }
        : statusErrorOf(failure)
    change(sync, account_id, { status: 'failed', error })
    await failRun({ run_id: runId, account_ids: [account_id], error })
  }
}

/**
 * The engine cancels the execution of a child that it has started, and that alone; one that has continued as new since is
 * cancelled by its ID. Histories of earlier versions have no such child.
 */
async function resultOf(
  child: ChildWorkflowHandle<typeof bindingSyncWorkflow>,
  workflowId: string,
): Promise<DestinationState> {
  let isOpen = true
  CancellationScope.current().cancelRequested.catch(async () => {
    if (!isOpen || !patched('cancel-continued-child')) return
    const cancel = () => getExternalWorkflowHandle(workflowId).cancel()
    // It may have ended in the meantime.
    await CancellationScope.nonCancellable(cancel).catch(() => undefined)
  })
  try {
    return await child.result()
  } finally {
    isOpen = false
  }
}

/** What is wrong with the archive holds for every destination; the run says so, and so does the workflow's failure. */
async function closeWithoutArchive(sync: Sync, failure: unknown): Promise<CloudSyncResult> {
  const error = statusErrorOf(failure)
  const status = isCancellation(failure) ? 'cancelled' : 'failed'
  for (const [accountId, { finished_at }] of Object.entries(sync.status)) {
    if (finished_at === null) change(sync, accountId, { status, error })
  }
  await failRun({ run_id: sync.runId, account_ids: null, error })
  await close(sync)
  if (isCancellation(failure)) throw failure
  throw permanentFailure(codeOf(error), error.message)
}

function codeOf(error: StatusError) {
  const { code } = error
  return isErrorCode(code) ? code : 'internal_error'
}

/**
 * Counts the run up, lets the archive go where every destination has it, and keeps it for a week otherwise. `unsettled` is
 * what destinations end with that have not ended.
 */
async function close(sync: Sync, unsettled?: StatusError): Promise<CloudSyncResult> {
  const { runId } = sync
  const { status, destinations, pin, keep_archive } = await finishRun({
    run_id: runId,
    ...(unsettled === undefined ? {} : { unsettled }),
  })
  sync.status = destinations
  upsertSearchAttributes([{ key: cloudSyncStatusKey, value: status }])
  setCurrentDetails(describeDestinations(destinations))
  // Histories of earlier versions do not say what is pinned, and go on as they began.
  if (pin !== null) {
    const isReleased = !keep_archive && (await release(sync))
    if (!isReleased) await keepArchive(sync)
  }
  return { run_id: runId, status, destinations }
}

async function release(sync: Sync): Promise<boolean> {
  const { releaseArchive } = proxyActivities<Activities>(releaseOptions(sync.queues.archive))
  try {
    await releaseArchive({ run_id: sync.runId })
    return true
  } catch {
    // The host may be away; the archive's own workflow waits for it without holding this run open.
    return false
  }
}

async function keepArchive(sync: Sync): Promise<void> {
  const { runId, input } = sync
  try {
    await startChild(keepArchiveWorkflow, {
      workflowId: pinWorkflowId(input.instance, runId),
      args: [{ run_id: runId, archive_queue: sync.queues.archive, keep_for: KEEP_ARCHIVE_MS }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      typedSearchAttributes: [
        { key: odooInstanceKey, value: input.instance },
        { key: backupRunIdKey, value: runId },
      ],
      staticSummary: summaryText(`Keeps the archive of ${input.instance} for a re-upload`),
    })
  } catch (failure) {
    // An earlier sync of this run keeps it already.
    if (!(failure instanceof WorkflowExecutionAlreadyStartedError)) throw failure
  }
}
