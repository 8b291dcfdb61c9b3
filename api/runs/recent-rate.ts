// How fast something goes now: over the last half minute of what was seen of it, and not since it began. What was seen is
// remembered by this process alone, so the first looks at an upload have no rate of this kind.

export type Sample = { readonly at_ms: number; readonly bytes: number }

const WINDOW_MS = 30_000
/** Saves come once a second: a shorter span says little. */
const SHORTEST_MS = 3_000
const APART_MS = 900
/** Uploads that are remembered; more than can be open at once anywhere. */
const MOST = 2_000

/** The samples with one more. Begins anew when less is there than before: what was lost must be sent again. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1)
  if (last === undefined || sample.bytes < last.bytes) return [sample]
  if (sample.at_ms - last.at_ms < APART_MS) return samples
  return [...samples.filter(({ at_ms }) => sample.at_ms - at_ms <= WINDOW_MS), sample]
}

/** Bytes a second; null while too little was seen. */
export function recentRate(samples: readonly Sample[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || last.at_ms - first.at_ms < SHORTEST_MS) return null
  return Math.round((last.bytes - first.bytes) / ((last.at_ms - first.at_ms) / 1000))
}

export interface RateMemory {
  /** Notes how far it is, and says how fast it went; null while too little was seen. */
  note(key: string, sample: Sample): number | null
  forget(key: string): void
}

export function createRateMemory(): RateMemory {
  const seen = new Map<string, readonly Sample[]>()
  return {
    note(key, sample) {
      const samples = withSample(seen.get(key) ?? [], sample)
      // Last in the order of the map: the first are those that nobody has looked at for longest.
      seen.delete(key)
      seen.set(key, samples)
      const [oldest] = seen.size > MOST ? seen.keys() : []
      if (oldest !== undefined) seen.delete(oldest)
      return recentRate(samples)
    },
    forget: (key) => void seen.delete(key),
  }
}
