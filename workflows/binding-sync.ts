// bindingSyncWorkflow: one archive to one destination: wait for the account's turn, upload, verify, prune. It ends normally
// whatever became of the upload; only cancellation ends it otherwise, unless the copy was there and could be proven.

import { ActivityFailure, ApplicationFailure, CancelledFailure } from '@temporalio/common'
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import type { UploadedCopy } from '../activities/upload-archive.ts'
import type { VerifiedState } from '../activities/verify-upload.ts'
import { recordOptions, turnOptions, uploadOptions, verifyOptions } from './activity-options.ts'
import { lastCopy, unseenError } from './cancelled-upload.ts'
import { type Destination, describeDestination, pendingState } from './destination.ts'
import { statusErrorOf } from './failures.ts'
import { cloudSyncStatusKey, cloudSyncStatusQuery, destinationChangedSignal } from './messages.ts'
import { pruneCopies } from './prune-copies.ts'
import type { CloudSyncStatus, DestinationState } from './types.ts'

export type BindingSyncInput = {
  readonly run_id: string
  readonly instance: string
  readonly upload_queue: string
  readonly destination: Destination
}

const { saveDestination } = proxyActivities<Activities>(recordOptions)
const { awaitTurn } = proxyActivities<Activities>(turnOptions)
const { verifyUpload } = proxyActivities<Activities>(verifyOptions)

/** A copy that differs is removed, and one that vanished is missed, and sent once more; a second one is no accident. */
const UPLOAD_ROUNDS = 2

export async function bindingSyncWorkflow(input: BindingSyncInput): Promise<DestinationState> {
  const { run_id, destination } = input
  const { account_id } = destination
  let state = pendingState(destination)
  const change = (patch: Partial<DestinationState>) => {
    if (patch.status !== undefined && patch.status !== state.status) {
      upsertSearchAttributes([{ key: cloudSyncStatusKey, value: patch.status }])
    }
    state = { ...state, ...patch }
    setCurrentDetails(describeDestination(state))
  }
  setHandler(cloudSyncStatusQuery, (): CloudSyncStatus => ({ [account_id]: state }))
  setHandler(destinationChangedSignal, async (signalled) => {
    // A late word of an attempt must not undo what is settled.
    if (state.finished_at !== null) return
    change(signalled.state)
    await tellParent(account_id, signalled.state)
  })
  const settle = async (patch: Partial<DestinationState>) => {
    change(patch)
    await saveDestination({ run_id, account_id, state: patch })
  }

  const sent: SentCopy = { copy: null }
  try {
    const settled = await uploadAndVerify(input, sent)
    change({ ...settled, status: 'uploaded', error: null })
  } catch (failure) {
    // An activity that failed while it was being cancelled is not tried again: that is a cancellation, too.
    if (CancellationScope.current().consideredCancelled || isCancellation(failure)) {
      const isProven = await CancellationScope.nonCancellable(async () => {
        const last = await lastCopy(input, sent.copy)
        if (last.kind === 'proven') change({ ...last.settled, status: 'uploaded', error: null })
        else {
          const error =
            last.kind === 'unseen'
              ? unseenError(destination, last.error)
              : statusErrorOf(new CancelledFailure('cancelled'))
          await settle({ status: 'cancelled', error, finished_at: now() })
        }
        return last.kind === 'proven'
      })
      if (!isProven) throw isCancellation(failure) ? failure : new CancelledFailure('cancelled')
      await tellParent(account_id, state)
      await condition(allHandlersFinished)
      return state
    }
    await CancellationScope.nonCancellable(() =>
      settle({ status: 'failed', error: statusErrorOf(failure), finished_at: now() }),
    )
    await condition(allHandlersFinished)
    return state
  }
  await tellParent(account_id, state)
  if (destination.keep_last !== null && state.remote_id !== null) {
    const retention = await pruneCopies(input, destination.keep_last, state.remote_id)
    await CancellationScope.nonCancellable(() => settle({ retention }))
  }
  await condition(allHandlersFinished)
  return state
}

/** What was sent and awaits its proof. */
type SentCopy = { copy: UploadedCopy | null }

async function uploadAndVerify(input: BindingSyncInput, sent: SentCopy): Promise<VerifiedState> {
  const { run_id, instance, destination } = input
  const { account_id, binding_id, folder } = destination
  const summary = `${instance} → ${destination.account}`
  const { uploadArchive } = proxyActivities<Activities>(uploadOptions(input.upload_queue, summary))
  for (let round = 1; ; round += 1) {
    await awaitTurn({ run_id, account_id })
    const copy = await uploadArchive({ run_id, instance, account_id, binding_id, folder })
    sent.copy = copy
    try {
      // Marks the destination as uploaded in the same step, so that no crash can come between proof and record.
      return await verifyUpload({ run_id, instance, account_id, binding_id, copy })
    } catch (failure) {
      if (!isNoCopy(failure)) throw failure
      sent.copy = null
      if (round === UPLOAD_ROUNDS) throw failure
    }
  }
}

/** A copy that is not there any more: it differed and was removed, or it vanished. */
function isNoCopy(failure: unknown): boolean {
  const cause = failure instanceof ActivityFailure ? failure.cause : failure
  if (!(cause instanceof ApplicationFailure)) return false
  return ['hash_mismatch', 'size_mismatch', 'copy_vanished'].includes(cause.type ?? '')
}

/**
 * The parent answers queries for all of its destinations; one that is gone needs no answer. It is told during a cancellation
 * as well: a signal handler that ended as cancelled would end the workflow before the provider's session is given up.
 */
async function tellParent(accountId: string, state: Partial<DestinationState>): Promise<void> {
  const { parent } = workflowInfo()
  if (parent === undefined) return
  const handle = getExternalWorkflowHandle(parent.workflowId, parent.runId)
  try {
    await CancellationScope.nonCancellable(() =>
      handle.signal(destinationChangedSignal, { account_id: accountId, state }),
    )
  } catch (failure) {
    log.debug('the parent could not be told', { error: statusErrorOf(failure).code })
  }
}

function now(): string {
  return new Date().toISOString()
}
