// Whether an upload can be finished within the life of its session at the rate that is measured, said while it runs and not
// when a day's work is lost (OneDrive's upload address dies 24 hours after it was made: providers.md 3.2).

import { formatBytes } from '../workflows/destination.ts'
import type { DestinationState } from '../workflows/types.ts'
import { causeOf, StepError, statusErrorFrom } from './failures.ts'

/** Before this much time the rate says little. */
const MEASURE_MS = 60_000

/** Bytes a second still to be sent, against what is sent; null while all is well. */
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

/** A remark for the status at each position: an error that is shown while the upload goes on, and taken back. */
export function rateRemark(sizeBytes: number, sessionLifeMs: number, sessionCreatedAt: string | null) {
  const startedMs = Date.now()
  const bornMs = sessionCreatedAt === null ? startedMs : Date.parse(sessionCreatedAt)
  let from: number | null = null
  return (positionBytes: number, nowMs = Date.now()): Partial<DestinationState> | null => {
    from ??= positionBytes
    const elapsedMs = nowMs - startedMs
    if (elapsedMs < MEASURE_MS) return null
    const rate = (positionBytes - from) / (elapsedMs / 1000)
    const slow = tooSlow(sizeBytes, positionBytes, rate, bornMs + sessionLifeMs - nowMs)
    if (slow === null) return { error: null }
    const needed = Number.isFinite(slow.neededPerSecond) ? formatBytes(slow.neededPerSecond) : 'more'
    return {
      error: statusErrorFrom(
        causeOf(
          new StepError(
            'session_too_slow',
            `${formatBytes(rate)}/s are measured, ${needed}/s are needed to finish within the life of the upload session. It goes on, but it will probably have to start over.`,
          ),
        ),
      ),
    }
  }
}
