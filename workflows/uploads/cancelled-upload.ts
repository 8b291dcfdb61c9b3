// The end of a destination that was cancelled. A copy that arrived whole is proven like any other, and otherwise the provider's
// session is given up. To be called where nothing cancels it; it takes two minutes at most.

import { log, proxyActivities, workflowInfo } from '@temporalio/workflow'
import type { Activities } from '../../activities/index.ts'
import type { VerifiedState } from '../../activities/proofs/verify-upload.ts'
import type { AbandonedUpload } from '../../activities/uploads/abort-upload.ts'
import type { UploadedCopy } from '../../activities/uploads/uploaded-copy.ts'
import { abortOptions, CANCELLATION_PATIENCE_MS, lastProofOptions } from '../activity-options.ts'
import { explanationOf } from '../explanation.ts'
import { statusError, statusErrorOf } from '../failures.ts'
import type { Destination } from '../runs/destination.ts'
import type { StatusError } from '../types.ts'
import { archiveQueues } from '../workflow-ids.ts'

type CancelledUpload = {
  readonly run_id: string
  readonly instance: string
  readonly upload_queue: string
  readonly destination: Destination
}

type LastCopy =
  | { readonly kind: 'proven'; readonly settled: VerifiedState }
  | { readonly kind: 'none' }
  /** It could not be found out whether a copy is there; `error` says why. */
  | { readonly kind: 'unseen'; readonly error: StatusError }

/** `copy` is what was sent and awaits its proof, if anything. */
export async function lastCopy(upload: CancelledUpload, copy: UploadedCopy | null): Promise<LastCopy> {
  const endMs = Date.now() + CANCELLATION_PATIENCE_MS
  const leftMs = () => endMs - Date.now()
  try {
    const left = await whatIsLeft(upload, copy, leftMs)
    if (left.left === 'proven') return { kind: 'proven', settled: left.settled }
    if (left.left === 'nothing') return { kind: 'none' }
    if (left.left === 'unread') return { kind: 'unseen', error: UNREAD }
    return await prove(upload, left.copy, leftMs())
  } catch (failure) {
    const error = statusErrorOf(failure)
    log.warn('what a cancelled upload has left could not be looked at', { error: error.code })
    return { kind: 'unseen', error }
  }
}

const UNREAD = statusError('archive_unreadable', 'The archive could not be read for the comparison.')

async function whatIsLeft(
  { run_id, destination, upload_queue }: CancelledUpload,
  copy: UploadedCopy | null,
  leftMs: () => number,
): Promise<AbandonedUpload> {
  const about = { run_id, account_id: destination.account_id, ...(copy === null ? {} : { copy }) }
  const { abortUpload } = proxyActivities<Activities>(abortOptions(leftMs()))
  // A worker of an earlier version returns nothing: it has given the session up.
  const left: AbandonedUpload | null | undefined = await abortUpload(about)
  if (left?.left !== 'unread') return left ?? { left: 'nothing' }
  const { archive } = archiveQueues(workflowInfo().taskQueue, upload_queue)
  const onHost = proxyActivities<Activities>(abortOptions(leftMs(), archive))
  return onHost.abortUpload(about)
}

async function prove(
  { run_id, instance, destination }: CancelledUpload,
  copy: UploadedCopy,
  leftMs: number,
): Promise<LastCopy> {
  const { account_id, binding_id } = destination
  const { verifyUpload } = proxyActivities<Activities>(lastProofOptions(leftMs))
  try {
    const settled = await verifyUpload({ run_id, instance, account_id, binding_id, copy })
    return { kind: 'proven', settled }
  } catch (failure) {
    const error = statusErrorOf(failure)
    // The copy was seen and removed, or it was seen that there is none.
    const isKnown = ['hash_mismatch', 'size_mismatch', 'copy_vanished'].includes(error.code)
    return isKnown ? { kind: 'none' } : { kind: 'unseen', error }
  }
}

/** The error of the destination, also in the audit, when nobody could look. */
export function unseenError({ account, folder }: Destination, error: StatusError): StatusError {
  const fact =
    `The upload was cancelled. Whether a copy stands in ${folder} of ${account} could not be seen: ` +
    explanationOf(error).fact
  return statusError('cancelled', fact, 'Re-upload, if the copy is wanted: that finds it, if it is there.')
}
