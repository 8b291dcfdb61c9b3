// How a call to Temporal is repeated after a fault of the connection: as the SDK does, with shorter pauses, and not once the
// client is being closed. The SDK's own repeats, when they come due on a closed channel, throw out of a timer and end the
// process.

import { setTimeout } from 'node:timers/promises'
import { defaultGrpcRetryOptions, type GrpcRetryOptions } from '@temporalio/client'

const LONGEST_PAUSE_MS = 1_000

export interface ClosableRetry {
  readonly options: GrpcRetryOptions
  /** From now on nothing is repeated. Resolves when the last repeat that was planned has been made. */
  end(): Promise<void>
}

export function createClosableRetry(): ClosableRetry {
  const usual = defaultGrpcRetryOptions()
  let isEnding = false
  let lastRepeatAt = 0
  return {
    options: {
      ...usual,
      retryableDecider: (attempt, status) => !isEnding && usual.retryableDecider(attempt, status),
      delayFunction: (attempt, status) => {
        const pause = Math.min(usual.delayFunction(attempt, status), LONGEST_PAUSE_MS)
        lastRepeatAt = Math.max(lastRepeatAt, Date.now() + pause)
        return pause
      },
    },
    end: async () => {
      isEnding = true
      const rest = lastRepeatAt - Date.now()
      // A little later than due: timers of one moment run in the order of their making.
      if (rest >= 0) await setTimeout(rest + 20)
    },
  }
}
