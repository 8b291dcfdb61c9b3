// How far an upload is, for Temporal (heartbeats), the database (offset, live status) and the workflow (a signal now and then,
// for its queries and the Web UI). Until the provider has stated its offset, what earlier attempts have shown is shown.
// Everything is written under the attempt's claim, and nothing once another attempt has the claim.

import type { Context } from '@temporalio/activity'
import { isDatabaseAway } from '../../db/database-errors.ts'
import { saveOpenDestination } from '../../db/runs/destinations.ts'
import type { UploadSessionRow } from '../../db/schema.ts'
import { ClaimLost, type SessionClaim } from '../../db/uploads/claims.ts'
import { saveProgress } from '../../db/uploads/progress.ts'
import type { DestinationState } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { outlastAbsence, SHORT_ABSENCE_MS } from '../worker/database-absence.ts'
import type { Heartbeats } from '../worker/heartbeats.ts'
import { createDestinationNews } from './destination-news.ts'
import { createPosition, type UploadPosition } from './position.ts'

const SAVE_MS = 1000
/** The turn at the account is renewed once in so many saves. */
const SAVES_PER_RENEWAL = 10
/** After a failure, bytes have to leave in so many saves before the destination is `uploading` again. */
const MOVING_SAVES = 5
/** A longer time between two saves does not count as trying: the machine slept, or the process was stopped. */
const LONGEST_SAVE_MS = 60_000

export interface UploadProgress {
  /** Bytes handed to the network in this attempt, whether they arrived or not. */
  readonly sentBytes: number
  /** Where this attempt went on; 0 before it is known. */
  readonly fromOffset: number
  sent(bytes: number): void
  /** The provider has bytes [0, offset). */
  stored(offset: number): void
  /** Sending goes on from this offset: the position shown is this plus what is sent from now on. */
  continueAt(offset: number): void
  /** The session begins anew: the workflow is told of the progress from 0 again. */
  startOver(): void
  /** The provider has refused a request: bytes that it has not confirmed do not count as stored. */
  refused(): void
  /** Shows the destination as `uploading`; after a failure only when bytes move again, so that an outage is one change. */
  begin(state: Pick<DestinationState, 'size' | 'attempt' | 'started_at'>): Promise<void>
  /** All bytes are there: the destination is `uploading` until its copy is proven. */
  arrived(): Promise<void>
  /** Shows why it is tried again. Throws ClaimLost. */
  retry(error: NonNullable<DestinationState['error']>): Promise<void>
  /** Ends the saves, after a last one. May be called twice. */
  stop(): Promise<UploadSessionRow | null>
}

type ProgressOptions = {
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
  /** The change of the destination that a warning about the rate makes; null for none. */
  rateWarning(position: number): Partial<DestinationState> | null
  /** Renews the upload's turn at the account, now and then; what it throws ends the attempt. */
  renewTurn(): Promise<void>
}

export function startProgress(options: ProgressOptions): UploadProgress {
  const { deps, context, claim, size, row, shown } = options
  const position = createPosition(size, row.stored_bytes, shown.bytes_sent)
  const news = createDestinationNews({ deps, context, claim, shown, position })
  const saveOffset = createOffsetSaver(options, position)
  let movingSaves = 0
  let sentAtSave = 0
  let saves = 0

  const save = async () => {
    await saveOffset()
    const shownBytes = position.shownBytes()
    const moved = position.fromOffset === undefined ? {} : { bytes_sent: shownBytes }
    await saveOpenDestination(deps.db, claim, { ...moved, ...options.rateWarning(shownBytes) })
    // The turn is held for as long as the upload lives.
    saves += 1
    if (saves % SAVES_PER_RENEWAL === 0) await options.renewTurn()
    if (position.sentBytes > sentAtSave) movingSaves += 1
    sentAtSave = position.sentBytes
    const isMoving = movingSaves >= MOVING_SAVES || position.storedBytes > row.furthest_bytes
    if (news.status !== 'uploading' && isMoving) await news.show({ status: 'uploading', error: null })
    news.tellProgress(size)
  }
  options.beats.say(() => ({
    bytes_sent: position.shownBytes(),
    stored_bytes: position.storedBytes,
    size,
    told_bytes: news.toldBytes,
  }))
  const saver = startSaver(options, save)

  let stopping: Promise<UploadSessionRow | null> | null = null
  const stop = async () => {
    await saver.stop()
    await news.quiet()
    // What a short attempt found out counts for the patience with the next one.
    return outlastAbsence(saveOffset, context.cancellationSignal).catch((error: unknown) => {
      if (!(error instanceof ClaimLost))
        deps.log.warn({ err: error, run_id: claim.run_id }, 'the offset was not saved')
      return null
    })
  }
  return {
    get sentBytes() {
      return position.sentBytes
    },
    get fromOffset() {
      return position.fromOffset ?? 0
    },
    sent: position.sent,
    stored: position.stored,
    continueAt: position.continueAt,
    refused: position.refused,
    startOver: news.startOver,
    begin: (state) =>
      news.status === 'retrying'
        ? news.save(state)
        : news.show({ status: 'uploading', error: null, ...state }),
    arrived: () => news.show({ status: 'uploading', error: null, bytes_sent: size }),
    retry: (error) =>
      news.show({
        status: 'retrying',
        error,
        ...(position.fromOffset === undefined ? {} : { bytes_sent: position.shownBytes() }),
      }),
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

/** Saves the offset, and the time since the last save as time of trying. */
function createOffsetSaver({ deps, claim, row }: ProgressOptions, position: UploadPosition) {
  let countedAt = performance.now()
  return async (): Promise<UploadSessionRow> => {
    const now = performance.now()
    const tried = Math.min(now - countedAt, LONGEST_SAVE_MS)
    const saved = await saveProgress(deps.db, claim, {
      stored_bytes: position.fromOffset === undefined ? null : position.storedBytes,
      sent_bytes: row.sent_bytes + position.sentBytes,
      tried_ms: Math.round(tried),
      is_unsettled: position.isUnsettled,
    })
    countedAt = now
    return saved
  }
}

/**
 * Saves once per second, one save at a time: where the database hangs, the next save makes up for those that are left out.
 * The offset in the database is a hint, so that a short absence loses nothing; a lost claim ends the attempt at once.
 */
function startSaver(
  { deps, claim, onFault }: ProgressOptions,
  save: () => Promise<void>,
): { stop(): Promise<void> } {
  let saving: Promise<void> | null = null
  let savedAt = performance.now()
  let isWarned = false
  const saveOnce = async () => {
    try {
      await save()
      savedAt = performance.now()
      isWarned = false
    } catch (error) {
      if (!isDatabaseAway(error) || performance.now() - savedAt > SHORT_ABSENCE_MS) return onFault(error)
      if (!isWarned) deps.log.warn({ err: error, run_id: claim.run_id }, 'the progress is not saved for now')
      isWarned = true
    }
  }
  const timer = setInterval(() => {
    saving ??= saveOnce().finally(() => {
      saving = null
    })
  }, SAVE_MS)
  return {
    stop: async () => {
      clearInterval(timer)
      await saving
    },
  }
}
