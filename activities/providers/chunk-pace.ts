// How much is sent at a time where a broken request loses all of it: much on a good line, where every request costs a round
// trip, and little on one that breaks, until it has been good for a while again.

export interface ChunkPace {
  /** Bytes for the next request. */
  bytes(): number
  /** A request of this many bytes was taken whole. */
  whole(bytes: number): void
  /** The connection broke in the middle of a request. */
  broke(): void
  /** The service wants less at a time (too large, too slow); false when it is the least already. */
  shrink(): boolean
}

type ChunkPaceOptions = {
  /** All amounts are multiples of this many bytes. */
  readonly unitBytes: number
  readonly startBytes: number
  readonly maxBytes: number
  /** After a break; default: the unit. */
  readonly brokenBytes?: number
}

/** So many bytes without a break earn twice as much at a time. */
const CLEAN_BYTES = 128 * 1024 * 1024

export function createChunkPace(options: ChunkPaceOptions): ChunkPace {
  const { unitBytes } = options
  const fit = (bytes: number, limit: number) =>
    Math.max(unitBytes, Math.floor(Math.min(bytes, limit) / unitBytes) * unitBytes)
  let limit = options.maxBytes
  let current = fit(options.startBytes, limit)
  let clean = 0
  return {
    bytes: () => current,
    whole: (bytes) => {
      clean += bytes
      if (clean < CLEAN_BYTES) return
      clean = 0
      current = fit(current * 2, limit)
    },
    broke: () => {
      clean = 0
      current = Math.min(current, fit(options.brokenBytes ?? unitBytes, limit))
    },
    shrink: () => {
      if (current <= unitBytes) return false
      // What was too large once is not tried again.
      limit = fit(current / 2, limit)
      current = limit
      clean = 0
      return true
    },
  }
}
