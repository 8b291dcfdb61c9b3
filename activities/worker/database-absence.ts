// A restarted database is back within seconds, and no upload has to stop for that: the lease of its turn lasts longer, and the
// provider knows how far the upload is.

import { setTimeout } from 'node:timers/promises'
import { isDatabaseAway } from '../../db/database-errors.ts'
import { TURN_LEASE_MS } from '../uploads/await-turn.ts'

/** Half the lease: another upload may take the turn when the lease has run out. */
export const SHORT_ABSENCE_MS = TURN_LEASE_MS / 2
const PAUSE_MS = 1000

/**
 * Does the work again while the database is away, for half a lease at most. The work may be done twice, where only its answer
 * was lost. Throws what the work throws; AbortError when the signal ends the waiting.
 */
export async function outlastAbsence<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const endMs = performance.now() + SHORT_ABSENCE_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isDatabaseAway(error) || performance.now() > endMs) throw error
      await setTimeout(PAUSE_MS, undefined, { signal })
    }
  }
}
