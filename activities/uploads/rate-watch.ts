// Whether an upload can be finished within the life of its session at the rate that is measured: shown while the upload runs,
// and not after a day's work is lost (OneDrive's upload address dies 24 hours after it was made: docs/providers.md, 3.2).

import { formatBytes } from '../../workflows/runs/destination.ts'
import type { DestinationState } from '../../workflows/types.ts'
import { causeOf, StepError, statusErrorFrom } from '../failures.ts'

/** A rate measured for less time than this means little. */
const MEASURE_MS = 60_000

/** The bytes per second that are needed, where the rate is below them; null while all is well. */
export function tooSlow(
  sizeBytes: number,
  positionBytes: number,
  ratePerSecond: number,
  lifeLeftMs: number,
): { readonly neededPerSecond: number } | null {
  const left = sizeBytes - positionBytes
  if (left <= 0) return null
  const neededPerSecond = lifeLeftMs <= 0 ? Number.POSITIVE_INFINITY : left / (lifeLeftMs / 1000)
  return ratePerSecond < neededPerSecond ? { neededPerSecond } : null
}

export interface RateWatch {
  /** The session that is sent into now. A new one has its own life, and is measured anew. */
  enterSession(createdAt: string): void
  /** Sending goes on from this offset: bytes that the provider had before do not count for the rate. */
  continueAt(offsetBytes: number, nowMs?: number): void
  /** The error that is shown at this position while the upload goes on, null in it when it is taken back. */
  warning(positionBytes: number, nowMs?: number): Partial<DestinationState> | null
}

export function watchRate(sizeBytes: number, sessionLifeMs: number): RateWatch {
  let createdAt: string | null = null
  let begin: { readonly bytes: number; readonly ms: number } | null = null
  return {
    enterSession: (at) => {
      if (at === createdAt) return
      createdAt = at
      begin = null
    },
    continueAt: (offsetBytes, nowMs = Date.now()) => {
      // A broken connection belongs to the rate. Only a session that lost bytes is measured anew.
      if (begin === null || offsetBytes < begin.bytes) begin = { bytes: offsetBytes, ms: nowMs }
    },
    warning: (positionBytes, nowMs = Date.now()) => {
      if (begin === null || createdAt === null) return null
      const elapsedMs = nowMs - begin.ms
      if (elapsedMs < MEASURE_MS) return null
      const rate = (positionBytes - begin.bytes) / (elapsedMs / 1000)
      const lifeLeftMs = Date.parse(createdAt) + sessionLifeMs - nowMs
      const slow = tooSlow(sizeBytes, positionBytes, rate, lifeLeftMs)
      return {
        error: slow === null ? null : statusErrorFrom(causeOf(tooSlowError(rate, slow.neededPerSecond))),
      }
    },
  }
}

function tooSlowError(ratePerSecond: number, neededPerSecond: number): StepError {
  const needed = Number.isFinite(neededPerSecond) ? formatBytes(neededPerSecond) : 'more'
  return new StepError(
    'session_too_slow',
    `${formatBytes(ratePerSecond)}/s are measured, ${needed}/s are needed to finish within the life of the upload session.`,
    { advice: 'Wait; it goes on, but it will probably have to start over. A faster line helps.' },
  )
}
