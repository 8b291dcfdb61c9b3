// Several Workers of one process start and end together: work for a Worker that ended alone would wait for ever.

import type { Worker } from '@temporalio/worker'
import type { Logger } from '../../db/process/log.ts'

export interface Workers {
  /**
   * Settles when every Worker has ended: resolves after `stop`; rejects with the first failure when a Worker failed, after the
   * others were shut down as well.
   */
  readonly running: Promise<void>
  /** Stops polling, gives activities the time to save where they are, and waits for every Worker. Rejects as `running` does. */
  stop(): Promise<void>
}

/** What is needed of a Worker. */
export type RunnableWorker = Pick<Worker, 'run' | 'shutdown' | 'getState'>

/** A Worker that fails first drains its own activities and reports nothing: its state is read this often. */
const LOOK_MS = 500

/** Runs the Workers, which were created and not yet run. `afterwards` runs when all have ended, however they ended. */
export function runTogether(
  workers: readonly RunnableWorker[],
  log: Pick<Logger, 'error'>,
  afterwards: () => unknown,
): Workers {
  const shutDown = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
  }
  const runs = workers.map((worker) =>
    worker.run().catch((error: unknown) => {
      log.error({ err: error }, 'a Worker of this process failed; the others are shut down')
      shutDown()
      throw error
    }),
  )
  const look = setInterval(() => {
    if (workers.some((worker) => worker.getState() !== 'RUNNING')) shutDown()
  }, LOOK_MS)
  const running = Promise.allSettled(runs).then(async (ends) => {
    clearInterval(look)
    await afterwards()
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  })
  return {
    running,
    stop: () => {
      shutDown()
      return running
    },
  }
}
