// A machine whose clock is not that of the database.

import { mock } from 'node:test'

/** Does the work while this process believes that it is so many milliseconds later (negative: earlier); its clock stands still. */
export async function withClockOff<T>(ms: number, work: () => Promise<T>): Promise<T> {
  mock.timers.enable({ apis: ['Date'], now: Date.now() + ms })
  try {
    return await work()
  } finally {
    mock.timers.reset()
  }
}
