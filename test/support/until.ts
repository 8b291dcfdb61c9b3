// Waiting for a condition with a deadline, instead of sleeping for luck.

import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 25

/** Resolves with the first answer of `probe` that is not null; fails after the deadline, naming what never came. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | null>,
  deadlineMs = 30_000,
): Promise<T> {
  const end = Date.now() + deadlineMs
  for (;;) {
    const answer = await probe()
    if (answer !== null) return answer
    if (Date.now() > end) throw new Error(`waited ${deadlineMs / 1000} s in vain until ${what}`)
    await delay(POLL_MS)
  }
}
