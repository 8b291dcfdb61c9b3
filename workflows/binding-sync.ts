// bindingSyncWorkflow: one archive to one destination: wait for a turn at the account, upload, verify, prune. It ends normally
// also when the upload failed. A cancellation ends it as cancelled, unless the copy has arrived and can be proven.

import { ActivityFailure, ApplicationFailure, CancelledFailure } from '@temporalio/common'
import {
  allHandlersFinished,
  CancellationScope,
  ContinueAsNew,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import type { VerifiedState } from '../activities/proofs/verify-upload.ts'
import type { UploadedCopy } from '../activities/uploads/uploaded-copy.ts'
import { turnOptions, uploadOptions, verifyOptions } from './activity-options.ts'
import { statusErrorOf } from './failures.ts'
import { pruneCopies } from './retention/prune-copies.ts'
import type { Destination } from './runs/destination.ts'
import { type OpenDestination, openDestination } from './runs/open-destination.ts'
import { NOTHING_TOLD, type Told, tellParent } from './runs/parent-news.ts'
import type { DestinationState } from './types.ts'
import { lastCopy, unseenError } from './uploads/cancelled-upload.ts'
import { type PartEnd, uploadInParts } from './uploads/upload-parts.ts'

export type BindingSyncInput = {
  readonly run_id: string
  readonly instance: string
  readonly upload_queue: string
  readonly destination: Destination
  /**
   * Where this destination stands: FIRST_STEP from its parent, or the step at which it continued as new. Absent in inputs of
   * earlier versions: their uploads go on as they began, with attempts without limit and each signal passed on.
   */
  readonly step?: SyncStep
}

/** What the next execution gets when the workflow continues as new. */
type SyncStep = {
  /** Null at the beginning. */
  readonly state: DestinationState | null
  /** Of the upload, from 1. */
  readonly round: number
  readonly end: PartEnd
  readonly told: Told
}

export const FIRST_STEP: SyncStep = { state: null, round: 1, end: null, told: NOTHING_TOLD }

/** Temporal suggests the same from 4,096 events on; servers before 1.20 suggest nothing. */
const LONG_HISTORY = 8_000
/** Errors that a destination does not show: they concern the worker and its queue, and the next attempt may end them. */
const NOT_SHOWN = ['account_busy', 'claim_lost', 'database_unavailable', 'worker_lost']

const { awaitTurn } = proxyActivities<Activities>(turnOptions)
const { verifyUpload } = proxyActivities<Activities>(verifyOptions)

/** A copy that differs or has vanished is sent once more; a second one is no accident. */
const UPLOAD_ROUNDS = 2

export async function bindingSyncWorkflow(input: BindingSyncInput): Promise<DestinationState> {
  const { destination } = input
  const open = openDestination(input, input.step)
  const sent: SentCopy = { copy: null }
  try {
    const settled = await uploadAndVerify(input, sent, (round, end) => betweenParts(input, open, round, end))
    open.news?.end()
    open.change({ ...settled, status: 'uploaded', error: null })
  } catch (failure) {
    if (failure instanceof ContinueAsNew) throw failure
    open.news?.end()
    // An activity that fails while it is being cancelled is not tried again: that is a cancellation, too.
    if (CancellationScope.current().consideredCancelled || isCancellation(failure)) {
      const isProven = await CancellationScope.nonCancellable(() => endCancelled(input, open, sent.copy))
      if (!isProven) throw isCancellation(failure) ? failure : new CancelledFailure('cancelled')
      await tellParent(destination.account_id, open.state())
      await signalsHandled()
      return open.state()
    }
    await CancellationScope.nonCancellable(() =>
      open.settle({ status: 'failed', error: statusErrorOf(failure), finished_at: now() }),
    )
    await signalsHandled()
    return open.state()
  }
  await tellParent(destination.account_id, open.state())
  const { remote_id } = open.state()
  if (destination.keep_last !== null && remote_id !== null) {
    const retention = await pruneCopies(input, destination.keep_last, remote_id)
    await CancellationScope.nonCancellable(() => open.settle({ retention }))
  }
  await signalsHandled()
  return open.state()
}

/** Between two parts of the upload, nothing runs for this workflow and every signal that has come is handled. */
async function betweenParts(
  input: BindingSyncInput,
  { state, news, change }: OpenDestination,
  round: number,
  end: NonNullable<PartEnd>,
): Promise<void> {
  if (!NOT_SHOWN.includes(end.error.code) && state().finished_at === null)
    change({ status: 'retrying', error: end.error })
  const { continueAsNewSuggested, historyLength } = workflowInfo()
  if (news === null || !(continueAsNewSuggested || historyLength > LONG_HISTORY)) return
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled')
  await continueAsNew<typeof bindingSyncWorkflow>({
    ...input,
    step: { state: state(), round, end, told: news.told() },
  })
}

/** True when the copy that was sent before the cancellation is proven: the destination is uploaded then. */
async function endCancelled(
  input: BindingSyncInput,
  { change, settle }: OpenDestination,
  copy: UploadedCopy | null,
): Promise<boolean> {
  const last = await lastCopy(input, copy)
  if (last.kind === 'proven') {
    change({ ...last.settled, status: 'uploaded', error: null })
    return true
  }
  const error =
    last.kind === 'unseen'
      ? unseenError(input.destination, last.error)
      : statusErrorOf(new CancelledFailure('cancelled'))
  await settle({ status: 'cancelled', error, finished_at: now() })
  return false
}

/** What was sent and awaits its proof. */
type SentCopy = { copy: UploadedCopy | null }

async function uploadAndVerify(
  input: BindingSyncInput,
  sent: SentCopy,
  betweenParts: (round: number, end: NonNullable<PartEnd>) => Promise<void>,
): Promise<VerifiedState> {
  const { run_id, instance, destination, step } = input
  const { account_id, binding_id, folder } = destination
  const summary = `${instance} → ${destination.account}`
  const upload = { run_id, instance, account_id, binding_id, folder }
  const { uploadArchive } = proxyActivities<Activities>(uploadOptions(input.upload_queue, summary))
  const untilItEnds = async () => {
    await awaitTurn({ run_id, account_id })
    return uploadArchive(upload)
  }
  for (let round = step?.round ?? 1; ; round += 1) {
    const copy =
      step === undefined
        ? await untilItEnds()
        : await uploadInParts({
            queue: input.upload_queue,
            summary,
            input: upload,
            end: round === step.round ? step.end : null,
            onPart: (end) => betweenParts(round, end),
          })
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

/** True when the copy is not there any more: it differed and was removed, or it has vanished. */
function isNoCopy(failure: unknown): boolean {
  const cause = failure instanceof ActivityFailure ? failure.cause : failure
  if (!(cause instanceof ApplicationFailure)) return false
  return ['hash_mismatch', 'size_mismatch', 'copy_vanished'].includes(cause.type ?? '')
}

/** Also where the workflow is cancelled: there a plain wait would end as cancelled, and with it what is proven. */
function signalsHandled(): Promise<void> {
  return CancellationScope.nonCancellable(() => condition(allHandlersFinished))
}

function now(): string {
  return new Date().toISOString()
}
