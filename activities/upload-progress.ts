// How far an upload is, told to everybody who waits for it: Temporal (heartbeats), the database (offset, live status) and
// the workflow (a signal now and then, for its queries and the Web UI). The stored offset is only a hint: the truth is asked
// from the provider. Everything is written under the attempt's claim, and nothing once another attempt has it.

import type { Context } from '@temporalio/activity'
import { saveOpenDestination } from '../db/runs.ts'
import { ClaimLost, type SessionClaim, saveProgress } from '../db/upload-sessions.ts'
import { destinationChangedSignal } from '../workflows/messages.ts'
import type { DestinationState } from '../workflows/types.ts'
import type { ActivityDeps } from './dependencies.ts'

const BEAT_MS = 1000
const SAVE_MS = 1000
/** The place at the account is renewed once in so many saves. */
const SAVES_A_RENEWAL = 10
/** A signal costs history events: at most one in 2 s, and only when a fiftieth more has arrived. */
const SIGNAL_MS = 2_000
const SIGNAL_SHARE = 0.02
/** A server that does not answer keeps neither the saves nor the end of an attempt waiting for longer. */
const SIGNAL_TIMEOUT_MS = 10_000

export interface UploadProgress {
  /** Bytes handed to the network in this attempt, whether they arrived or not. */
  readonly sentBytes: number
  /** Where this attempt went on; 0 before it is known. */
  readonly fromOffset: number
  /** True when the provider has said in this attempt where sending goes on. */
  readonly isPlaced: boolean
  sent(bytes: number): void
  /** The provider has bytes [0, offset). */
  stored(offset: number): void
  /** Where sending goes on: the position shown is this plus what was sent since. */
  continueAt(offset: number): void
  /** Tells status and workflow of a change at once. Throws ClaimLost. */
  change(state: Partial<DestinationState>): Promise<void>
  /** Ends the beats and saves the offset once more. May be called twice. */
  stop(): Promise<void>
}

export type ProgressOptions = {
  readonly deps: ActivityDeps
  readonly context: Context
  readonly claim: SessionClaim
  readonly size: number
  /** Bytes sent by earlier attempts. */
  readonly sentBefore: number
  /** Called when the database or the claim says that this attempt must end. */
  onFault(error: unknown): void
  /** What there is to say about the rate, while it runs. */
  remark(position: number): Partial<DestinationState> | null
  /** Renews the place at the account, now and then; what it throws ends the attempt. */
  renewPlace(): Promise<void>
}

export function startProgress(options: ProgressOptions): UploadProgress {
  const { deps, context, claim, size } = options
  let sentBytes = 0
  let base = 0
  let sinceBase = 0
  let fromOffset: number | undefined
  let storedBytes = 0
  let signalledAt = Date.now()
  let signalledShare = 0
  let saving: Promise<void> | null = null
  let signalling: Promise<void> | null = null
  let isStopped = false
  let saves = 0
  const position = () => Math.min(size, Math.max(storedBytes, base + sinceBase))

  const beat = () => context.heartbeat({ bytes_sent: position(), stored_bytes: storedBytes, size })
  const save = async () => {
    await saveProgress(deps.db, claim, {
      stored_bytes: storedBytes,
      sent_bytes: options.sentBefore + sentBytes,
    })
    await saveOpenDestination(deps.db, claim, { bytes_sent: position(), ...options.remark(position()) })
    // The place at the account is held for as long as the upload lives.
    saves += 1
    if (saves % SAVES_A_RENEWAL === 0) await options.renewPlace()
    const share = position() / size
    if (Date.now() - signalledAt < SIGNAL_MS || share - signalledShare < SIGNAL_SHARE) return
    signalledAt = Date.now()
    signalledShare = share
    // Saving does not wait for it.
    signalling ??= signal({ bytes_sent: position() }).finally(() => {
      signalling = null
    })
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

  beat()
  const beats = setInterval(beat, BEAT_MS)
  // One save at a time: where the database hangs, the next one says what those left out would have said.
  const saver = setInterval(() => {
    saving ??= save()
      .catch(options.onFault)
      .finally(() => {
        saving = null
      })
  }, SAVE_MS)

  return {
    get sentBytes() {
      return sentBytes
    },
    get fromOffset() {
      return fromOffset ?? 0
    },
    get isPlaced() {
      return fromOffset !== undefined
    },
    sent: (bytes) => {
      sentBytes += bytes
      sinceBase += bytes
    },
    stored: (offset) => {
      storedBytes = Math.max(storedBytes, offset)
    },
    continueAt: (offset) => {
      fromOffset ??= offset
      base = offset
      sinceBase = 0
      storedBytes = offset
    },
    change: async (state) => {
      await saveOpenDestination(deps.db, claim, state)
      await signal(state)
    },
    stop: async () => {
      clearInterval(beats)
      clearInterval(saver)
      await saving
      await signalling
      // What a short attempt found out must count for the next one's patience as well.
      if (isStopped) return
      isStopped = true
      await saveProgress(deps.db, claim, {
        stored_bytes: storedBytes,
        sent_bytes: options.sentBefore + sentBytes,
      }).catch((error: unknown) => {
        if (!(error instanceof ClaimLost))
          deps.log.warn({ err: error, run_id: claim.run_id }, 'the offset was not saved')
      })
    },
  }
}
