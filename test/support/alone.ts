// One process at a time, for what the test files of a run (or several runs of a user) make once and share.

import { mkdir, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const TRIES = 600
const PAUSE_MS = 100

/** Does the work while no other process does any under the same `lock`, which is a path where no file is. */
export async function alone<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      await mkdir(lock)
      break
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      // Left behind by a process that was killed.
      if (tries > TRIES) await rm(lock, { recursive: true, force: true })
      await delay(PAUSE_MS)
    }
  }
  try {
    return await work()
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}
