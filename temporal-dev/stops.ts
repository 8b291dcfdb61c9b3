// What a start brings up, and how it is taken down again: in the reverse order, each thing once, whatever happens meanwhile.

import type { Logger } from '../db/process/log.ts'

type Stop = { readonly what: string; readonly stop: () => Promise<unknown> }

export interface Stops {
  /** Adds it to what `stopAll` stops. Throws Interrupted when the program is already asked to stop. */
  push(stop: Stop): void
  /** One that fails is logged and sets the exit code; the others are stopped all the same. May be called twice. */
  stopAll(): Promise<void>
}

/** A signal ended the start. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

export function createStops(log: Logger, signal: AbortSignal): Stops {
  const started: Stop[] = []
  let stopped: Promise<void> | undefined
  const stopAll = async () => {
    for (let next = started.pop(); next !== undefined; next = started.pop()) {
      try {
        await next.stop()
      } catch (error) {
        // Those after it must still be stopped.
        log.error({ err: error, what: next.what }, 'could not be stopped cleanly')
        process.exitCode = 1
      }
    }
    log.info('stopped')
  }
  return {
    push: (stop) => {
      started.push(stop)
      if (signal.aborted) throw new Interrupted()
    },
    stopAll: () => {
      stopped ??= stopAll()
      return stopped
    },
  }
}

/** A Ctrl-C that arrives twice, by the terminal and by a parent that hands it on, comes within this time. */
const SAME_SIGNAL_MS = 500
const AT_ONCE = 130

/** The first SIGINT, SIGTERM or SIGHUP (the terminal is closed) calls `stop`; a later SIGINT ends the process at once. */
export function onStopSignals(log: Logger, stop: () => void): void {
  let first: number | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (first === undefined) {
        first = performance.now()
        log.info({ signal }, 'stopping; uploads go on from where they are at the next start')
        stop()
      } else if (signal === 'SIGINT' && performance.now() - first > SAME_SIGNAL_MS) {
        log.warn('ending at once; the next start finds what still runs')
        process.exit(AT_ONCE)
      }
    })
  }
}
