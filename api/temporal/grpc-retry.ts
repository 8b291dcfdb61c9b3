// Repeats calls to Temporal after a fault of the connection. It does so as the SDK does, but with shorter pauses, and not once
// the client is closing. The SDK's own retries throw from a timer when the channel is closed, and that ends the process.

import { setTimeout } from 'node:timers/promises'
import { defaultGrpcRetryOptions, type GrpcRetryOptions } from '@temporalio/client'

const LONGEST_PAUSE_MS = 1_000

interface ClosableRetry {
  readonly options: GrpcRetryOptions
  /** Stops further retries. Resolves when the last planned retry has been made. */
  end(): Promise<void>
}

/** For one connection. */
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
      // A little later than due, so that the retry's own timer runs first.
      if (rest >= 0) await setTimeout(rest + 20)
    },
  }
}
