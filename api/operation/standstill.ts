// Whether uploads stand still because Temporal or the workers do not answer, which no row of the database tells. It checks only
// when a page asks, so "since" is the time of the first check that failed.

import type { HealthCheck } from './health.ts'

export type Standstill = {
  readonly cause: 'temporal' | 'workers'
  /** RFC 3339; it may have begun before. */
  readonly since: string
}

interface StandstillWatch {
  /** Null: uploads can go on. The answer may be some seconds old. */
  check(): Promise<Standstill | null>
}

/** Every open page asks, and all of them share one check. */
const GOOD_FOR_MS = 5_000

/** One watch for all pages. */
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
