// A worker may take long to answer, and is waited for. A Temporal server that hangs in the meantime is not: it is asked now and
// then whether it is still there, so that a request ends within seconds and not with the deadline of the worker's answer.

import { setTimeout } from 'node:timers/promises'
import { isAway, TemporalUnavailable } from './failures.ts'

const WATCH_EVERY_MS = 4_000
/** A busy machine may miss one. */
const TRIES = 2

/** Does the work for as long as the server answers; rejects with what `check` rejected with when it does not (any more). */
export type ServerWatch = <T>(work: () => Promise<T>) => Promise<T>

/** `check` has a deadline of its own, and throws TemporalUnavailable. */
export function createServerWatch(check: () => Promise<void>, everyMs = WATCH_EVERY_MS): ServerWatch {
  async function refuseAway(tries = TRIES): Promise<void> {
    try {
      await check()
    } catch (error) {
      // One that answers, and would not tell, may still do the work.
      if (error instanceof TemporalUnavailable && !isAway(error)) return
      if (tries === 1) throw error
      await refuseAway(tries - 1)
    }
  }

  return async (work) => {
    await refuseAway()
    const done = new AbortController()
    const { signal } = done
    const watch = async (): Promise<never> => {
      for (;;) {
        await setTimeout(everyMs, undefined, { signal })
        await refuseAway()
      }
    }
    const [working, watching] = [work(), watch()]
    try {
      return await Promise.race([working, watching])
    } finally {
      done.abort()
      // One of the two has spoken; what becomes of the other one is of no interest.
      for (const other of [working, watching]) other.catch(() => undefined)
    }
  }
}
