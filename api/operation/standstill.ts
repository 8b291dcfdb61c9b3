// Whether uploads stand still because a part behind them does not answer: the one thing that no row of the database says.
// Pages ask; there is no loop of its own, so "since" is when somebody first looked in vain.

import type { HealthCheck } from './health.ts'

export type Standstill = {
  readonly cause: 'temporal' | 'workers'
  /** RFC 3339; it may have begun before. */
  readonly since: string
}

export interface StandstillWatch {
  /** Null: uploads can go on. Answers from the last look for some seconds. */
  check(): Promise<Standstill | null>
}

/** Every open page asks, and one look does for all of them. */
const GOOD_FOR_MS = 5_000

export function createStandstillWatch(health: Pick<HealthCheck, 'temporal' | 'workers'>): StandstillWatch {
  let last: Standstill | null = null
  let current: { readonly at: number; readonly found: Promise<Standstill | null> } | null = null

  async function ask(): Promise<Standstill | null> {
    const [temporal, workers] = await Promise.all([health.temporal(), health.workers()])
    const cause = temporal ? (workers ? null : 'workers') : 'temporal'
    last = cause === null ? null : { cause, since: last?.since ?? new Date().toISOString() }
    return last
  }

  return {
    check() {
      const now = Date.now()
      if (current === null || now - current.at > GOOD_FOR_MS) current = { at: now, found: ask() }
      return current.found
    },
  }
}
