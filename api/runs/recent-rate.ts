// The rate of an upload over the last half minute. The samples are kept in this process, so there is no rate until an upload
// has been looked at several times.

export type Sample = { readonly at_ms: number; readonly bytes: number }

const WINDOW_MS = 30_000
/** Progress is saved once per second, so a shorter span says little. */
const SHORTEST_MS = 3_000
const APART_MS = 900
/** More uploads than can be open at once. */
const MOST = 2_000

/** The samples with one more. They begin anew when fewer bytes are there than before: the lost ones are sent again. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1)
  if (last === undefined || sample.bytes < last.bytes) return [sample]
  if (sample.at_ms - last.at_ms < APART_MS) return samples
  return [...samples.filter(({ at_ms }) => sample.at_ms - at_ms <= WINDOW_MS), sample]
}

/** Bytes per second; null while there are too few samples. */
export function recentRate(samples: readonly Sample[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || last.at_ms - first.at_ms < SHORTEST_MS) return null
  return Math.round((last.bytes - first.bytes) / ((last.at_ms - first.at_ms) / 1000))
}

export interface RateMemory {
  /** Adds a sample. Returns the rate; null while there are too few samples. */
  note(key: string, sample: Sample): number | null
  drop(key: string): void
}

/** When it is full, it drops the uploads that were not looked at for longest. */
export function createRateMemory(): RateMemory {
  const seen = new Map<string, readonly Sample[]>()
  return {
    note(key, sample) {
      const samples = withSample(seen.get(key) ?? [], sample)
      // Moved to the end of the map, whose first entries are those that were not looked at for longest.
      seen.delete(key)
      seen.set(key, samples)
      const [oldest] = seen.size > MOST ? seen.keys() : []
      if (oldest !== undefined) seen.delete(oldest)
      return recentRate(samples)
    },
    drop: (key) => void seen.delete(key),
  }
}
