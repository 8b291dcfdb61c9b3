// How far an upload is, told to everybody who waits for it: Temporal (heartbeats), the database (offset, live status) and
// the workflow (a signal now and then, for its queries and the Web UI). What is shown is what earlier attempts have left until
// the provider has said where it stands. Everything is written under the attempt's claim, and nothing once another attempt
// has it.

import type { Context } from '@temporalio/activity'
import { isDatabaseAway } from '../../db/database-errors.ts'
import { saveOpenDestination } from '../../db/runs/destinations.ts'
import type { UploadSessionRow } from '../../db/schema.ts'
import { ClaimLost, type SessionClaim } from '../../db/uploads/claims.ts'
import { saveProgress } from '../../db/uploads/progress.ts'
import { destinationChangedSignal } from '../../workflows/messages.ts'
import type { DestinationState } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { outlastAbsence, SHORT_ABSENCE_MS } from '../worker/database-absence.ts'
import type { Heartbeats } from '../worker/heartbeats.ts'

const SAVE_MS = 1000
/** The place at the account is renewed once in so many saves. */
const SAVES_PER_RENEWAL = 10
/** A signal costs history events: at most one in 2 s, and only when a twentieth more than ever before has gone. */
const SIGNAL_MS = 2_000
const SIGNAL_SHARE = 0.05
/** A server that does not answer keeps neither the saves nor the end of an attempt waiting for longer. */
const SIGNAL_TIMEOUT_MS = 10_000
/** After a failure, bytes have to leave in so many saves before the destination is `uploading` again. */
const MOVING_SAVES = 5
/** What is longer between two saves is no time of trying: a machine that slept, a process that was stopped. */
const LONGEST_SAVE_MS = 60_000

export interface UploadProgress {
  /** Bytes handed to the network in this attempt, whether they arrived or not. */
  readonly sentBytes: number
  /** Where this attempt went on; 0 before it is known. */
  readonly fromOffset: number
  sent(bytes: number): void
  /** The provider has bytes [0, offset). */
  stored(offset: number): void
  /** Where sending goes on: the position shown is this plus what was sent since. */
  continueAt(offset: number): void
  /** The session begins anew: the workflow is told of what it had been told of the old one. */
  startOver(): void
  /** The provider has answered, and not with success: what was sent since it said what it has does not count as there. */
  refused(): void
  /** Shows the destination as `uploading`; after a failure only once bytes move, so that an outage is one change. */
  begin(state: Pick<DestinationState, 'size' | 'attempt' | 'started_at'>): Promise<void>
  /** All bytes are there: the destination is `uploading` until its copy is proven. */
  arrived(): Promise<void>
  /** Shows why it is tried again. Throws ClaimLost. */
  retry(error: NonNullable<DestinationState['error']>): Promise<void>
  /** Ends the saves, after a last one. May be called twice. */
  stop(): Promise<UploadSessionRow | null>
}

export type ProgressOptions = {
  readonly deps: ActivityDeps
  readonly context: Context
  readonly beats: Heartbeats
  readonly claim: SessionClaim
  readonly size: number
  /** The session as earlier attempts left it. */
  readonly row: Pick<UploadSessionRow, 'stored_bytes' | 'sent_bytes' | 'furthest_bytes'>
  /** The destination as it is shown. */
  readonly shown: Pick<DestinationState, 'status' | 'error' | 'bytes_sent'>
  /** Called when the database or the claim says that this attempt must end. */
  onFault(error: unknown): void
  /** What there is to say about the rate, while it runs. */
  rateRemark(position: number): Partial<DestinationState> | null
  /** Renews the place at the account, now and then; what it throws ends the attempt. */
  renewTurn(): Promise<void>
}

export function startProgress(options: ProgressOptions): UploadProgress {
  const { deps, context, claim, size, row, shown } = options
  let { status } = shown
  // What an upload that goes on has to remark of its rate is no change for the workflow.
  let code = status === 'uploading' ? null : (shown.error?.code ?? null)
  let sentBytes = 0
  let base = row.stored_bytes
  let sinceBase = 0
  let isUnsettled = false
  let fromOffset: number | undefined
  let storedBytes = row.stored_bytes
  let toldBytes = toldBefore(context) ?? shown.bytes_sent
  let signalledAt = Date.now()
  let movingSaves = 0
  let sentAtSave = 0
  let savedAt = performance.now()
  let countedAt = savedAt
  let saving: Promise<void> | null = null
  let signalling: Promise<void> | null = null
  let stopping: Promise<UploadSessionRow | null> | null = null
  let saves = 0
  let isWarned = false
  const position = () => {
    const reached = Math.max(storedBytes, base + sinceBase)
    return Math.min(size, fromOffset === undefined ? Math.max(reached, shown.bytes_sent) : reached)
  }

  const saveOffset = async () => {
    const now = performance.now()
    const tried = Math.min(now - countedAt, LONGEST_SAVE_MS)
    const saved = await saveProgress(deps.db, claim, {
      stored_bytes: fromOffset === undefined ? null : storedBytes,
      sent_bytes: row.sent_bytes + sentBytes,
      tried_ms: Math.round(tried),
      is_unsettled: isUnsettled,
    })
    countedAt = now
    return saved
  }
  const save = async () => {
    await saveOffset()
    const moved = fromOffset === undefined ? {} : { bytes_sent: position() }
    await saveOpenDestination(deps.db, claim, { ...moved, ...options.rateRemark(position()) })
    // The place at the account is held for as long as the upload lives.
    saves += 1
    if (saves % SAVES_PER_RENEWAL === 0) await options.renewTurn()
    savedAt = performance.now()
    isWarned = false
    if (sentBytes > sentAtSave) movingSaves += 1
    sentAtSave = sentBytes
    if (status !== 'uploading' && (movingSaves >= MOVING_SAVES || storedBytes > row.furthest_bytes))
      await show({ status: 'uploading', error: null })
    if (Date.now() - signalledAt < SIGNAL_MS || position() - toldBytes < SIGNAL_SHARE * size) return
    toldBytes = position()
    signalledAt = Date.now()
    // Saving does not wait for it.
    signalling ??= signal({ bytes_sent: toldBytes }).finally(() => {
      signalling = null
    })
  }
  /** The offset in the database is a hint, so that a short absence loses nothing; a lost claim ends the attempt at once. */
  const failedSave = (error: unknown) => {
    if (!isDatabaseAway(error) || performance.now() - savedAt > SHORT_ABSENCE_MS)
      return options.onFault(error)
    if (!isWarned) deps.log.warn({ err: error, run_id: claim.run_id }, 'the progress is not saved for now')
    isWarned = true
  }
  const signal = async (state: Partial<DestinationState>) => {
    const { workflowExecution } = context.info
    if (workflowExecution === undefined) return
    try {
      const { workflowId, runId } = workflowExecution
      const told = { account_id: claim.account_id, state }
      await context.client.withDeadline(Date.now() + SIGNAL_TIMEOUT_MS, () =>
        context.client.workflow.getHandle(workflowId, runId).signal(destinationChangedSignal, told),
      )
    } catch (error) {
      // The database has it already; a server that is away must not stop the bytes.
      deps.log.warn({ err: error, run_id: claim.run_id }, 'the workflow could not be told of the progress')
    }
  }
  /** The database is told of every change, the workflow only of another status or error code. */
  const show = async (state: Partial<DestinationState>) => {
    await outlastAbsence(() => saveOpenDestination(deps.db, claim, state), context.cancellationSignal)
    const now = {
      status: state.status ?? status,
      code: state.error === undefined ? code : (state.error?.code ?? null),
    }
    if (now.status === status && now.code === code) return
    status = now.status
    code = now.code
    await signal(fromOffset === undefined ? state : { ...state, bytes_sent: position() })
  }

  options.beats.say(() => ({
    bytes_sent: position(),
    stored_bytes: storedBytes,
    size,
    told_bytes: toldBytes,
  }))
  // One save at a time: where the database hangs, the next one says what those left out would have said.
  const saver = setInterval(() => {
    saving ??= save()
      .catch(failedSave)
      .finally(() => {
        saving = null
      })
  }, SAVE_MS)
  const stop = async () => {
    clearInterval(saver)
    await saving
    await signalling
    // What a short attempt found out must count for the next one's patience as well.
    return outlastAbsence(saveOffset, context.cancellationSignal).catch((error: unknown) => {
      if (!(error instanceof ClaimLost))
        deps.log.warn({ err: error, run_id: claim.run_id }, 'the offset was not saved')
      return null
    })
  }

  return {
    get sentBytes() {
      return sentBytes
    },
    get fromOffset() {
      return fromOffset ?? 0
    },
    sent: (bytes) => {
      sentBytes += bytes
      sinceBase += bytes
      isUnsettled = true
    },
    stored: (offset) => {
      storedBytes = Math.max(storedBytes, offset)
      if (storedBytes >= base + sinceBase) isUnsettled = false
    },
    continueAt: (offset) => {
      fromOffset ??= offset
      base = offset
      sinceBase = 0
      storedBytes = offset
      isUnsettled = false
    },
    startOver: () => {
      toldBytes = 0
    },
    refused: () => {
      base = storedBytes
      sinceBase = 0
    },
    begin: async (state) => {
      if (status === 'retrying')
        return void (await outlastAbsence(
          () => saveOpenDestination(deps.db, claim, state),
          context.cancellationSignal,
        ))
      await show({ status: 'uploading', error: null, ...state })
    },
    arrived: () => show({ status: 'uploading', error: null, bytes_sent: size }),
    retry: (error) =>
      show({ status: 'retrying', error, ...(fromOffset === undefined ? {} : { bytes_sent: position() }) }),
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

/** How far the workflow was told that it is, by an earlier attempt: nobody is told twice of the same bytes. */
function toldBefore(context: Context): number | null {
  const details: unknown = context.info.heartbeatDetails
  if (typeof details !== 'object' || details === null || !('told_bytes' in details)) return null
  return typeof details.told_bytes === 'number' ? details.told_bytes : null
}
