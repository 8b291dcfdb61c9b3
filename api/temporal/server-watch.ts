// A worker may take long to answer. While it works, the Temporal server is asked every few seconds whether it still answers, so
// that a request ends within seconds when the server hangs, and not at the deadline of the worker's answer.

import { setTimeout } from 'node:timers/promises'
import { isAway, TemporalUnavailable } from './failures.ts'

const WATCH_EVERY_MS = 4_000
/** A busy machine may fail one check. */
const TRIES = 2

/** Does the work while the server answers. Rejects with the error of `check` when it does not, or no longer. */
type ServerWatch = <T>(work: () => Promise<T>) => Promise<T>

/** `check` has its own deadline and throws TemporalUnavailable. */
export function createServerWatch(check: () => Promise<void>, everyMs = WATCH_EVERY_MS): ServerWatch {
  async function refuseAway(tries = TRIES): Promise<void> {
    try {
      await check()
    } catch (error) {
      // A server that answers with a refusal may still do the work.
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
      // One of the two has settled, and the outcome of the other is ignored.
      for (const other of [working, watching]) other.catch(() => undefined)
    }
  }
}
