// How much one request sends where a broken request loses all of it: much on a good line, because every request costs a round
// trip; little on a line that breaks, until it was good for a while.

export interface ChunkPace {
  /** Bytes for the next request. */
  bytes(): number
  /** A request of this many bytes was taken whole. */
  whole(bytes: number): void
  /** The connection broke in the middle of a request. */
  broke(): void
  /** The service wants smaller requests (too large, too slow); false when they are the smallest already. */
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

/** After so many bytes without a break, requests double. */
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
      // A size that was too large once is not tried again.
      limit = fit(current / 2, limit)
      current = limit
      clean = 0
      return true
    },
  }
}
