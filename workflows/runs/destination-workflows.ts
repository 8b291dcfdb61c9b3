// The workflows of a run's destinations: one child per destination, all at the same time. A destination that fails is data and
// holds no other up.

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
  startChild,
} from '@temporalio/workflow'
import type { Activities } from '../../activities/index.ts'
import { recordOptions } from '../activity-options.ts'
import { bindingSyncWorkflow, FIRST_STEP } from '../binding-sync.ts'
import { statusError, statusErrorOf } from '../failures.ts'
import { backupRunIdKey, cloudAccountKey, cloudSyncStatusKey, odooInstanceKey } from '../search-attributes.ts'
import type { DestinationState, StatusError } from '../types.ts'
import { detailsText, summaryText } from '../web-ui-text.ts'
import { bindingWorkflowId } from '../workflow-ids.ts'
import type { Destination } from './destination.ts'
import { changeDestination, type OpenRun } from './open-run.ts'

const { failRun } = proxyActivities<Activities>(recordOptions)

/**
 * Resolves when no child runs any more: with the cancellation of this workflow, else with the failure that kept the end of a
 * destination from being written, or null when each destination is settled.
 */
export async function syncDestinations(run: OpenRun, destinations: readonly Destination[]): Promise<unknown> {
  const outcomes = await Promise.allSettled(destinations.map((destination) => syncOne(run, destination)))
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  for (const failure of failures) {
    if (!isCancellation(failure))
      log.warn('a destination could not be settled', { error: statusErrorOf(failure).code })
  }
  return failures.find((failure) => isCancellation(failure)) ?? failures[0] ?? null
}

async function syncOne(run: OpenRun, destination: Destination): Promise<void> {
  const { runId, input } = run
  const { account_id } = destination
  const workflowId = bindingWorkflowId(input.instance, runId, account_id)
  try {
    const child = await startSync(run, destination, workflowId)
    changeDestination(run, account_id, await resultOf(child, workflowId))
  } catch (failure) {
    if (isCancellation(failure)) {
      if (CancellationScope.current().consideredCancelled) throw failure
      // Somebody cancelled this child alone: it has settled its destination, and the others go on.
      return changeDestination(run, account_id, { status: 'cancelled', error: statusErrorOf(failure) })
    }
    // A child whose upload failed ends normally, so this one could not run.
    const error: StatusError =
      failure instanceof WorkflowExecutionAlreadyStartedError
        ? statusError('sync_open', 'Another sync of this run to this account is still open.')
        : statusErrorOf(failure)
    changeDestination(run, account_id, { status: 'failed', error })
    await failRun({ run_id: runId, account_ids: [account_id], error })
  }
}

function startSync({ runId, input, queues }: OpenRun, destination: Destination, workflowId: string) {
  return startChild(bindingSyncWorkflow, {
    workflowId,
    args: [
      {
        run_id: runId,
        instance: input.instance,
        upload_queue: queues.uploads,
        destination,
        step: FIRST_STEP,
      },
    ],
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    // A terminated parent, too, lets its children give up their sessions at the provider.
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    typedSearchAttributes: [
      { key: odooInstanceKey, value: input.instance },
      { key: backupRunIdKey, value: runId },
      { key: cloudAccountKey, value: destination.account_id },
      { key: cloudSyncStatusKey, value: 'pending' },
    ],
    staticSummary: summaryText(`${input.instance} → ${destination.account}`),
    staticDetails: detailsText(
      `Archive \`${input.archive}\` to **${destination.account}** (${destination.provider}), folder \`${destination.folder}\``,
    ),
  })
}

/**
 * The engine cancels the execution of a child that it has started, and no other; one that has continued as new since is
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
