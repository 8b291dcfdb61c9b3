// How far an upload is, counted in memory: what was handed to the network, and what the provider says it has.

export interface UploadPosition {
  /** Bytes handed to the network in this attempt, whether they arrived or not. */
  readonly sentBytes: number
  /** The provider has bytes [0, storedBytes). */
  readonly storedBytes: number
  /** Where this attempt went on; undefined before it is known. */
  readonly fromOffset: number | undefined
  /** True while the provider has not confirmed all bytes that were sent. */
  readonly isUnsettled: boolean
  /** The position that is shown. */
  shownBytes(): number
  sent(bytes: number): void
  stored(offset: number): void
  /** Sending goes on from this offset: the position shown is this plus what is sent from now on. */
  continueAt(offset: number): void
  /** The provider has refused a request: bytes that it has not confirmed do not count as stored. */
  refused(): void
}

/** `shownBefore` is what earlier attempts have shown: it is kept until the provider has stated its offset. */
export function createPosition(size: number, storedBefore: number, shownBefore: number): UploadPosition {
  let sentBytes = 0
  let storedBytes = storedBefore
  let base = storedBefore
  let sinceBase = 0
  let fromOffset: number | undefined
  let isUnsettled = false
  return {
    get sentBytes() {
      return sentBytes
    },
    get storedBytes() {
      return storedBytes
    },
    get fromOffset() {
      return fromOffset
    },
    get isUnsettled() {
      return isUnsettled
    },
    shownBytes: () => {
      const reached = Math.max(storedBytes, base + sinceBase)
      return Math.min(size, fromOffset === undefined ? Math.max(reached, shownBefore) : reached)
    },
    sent: (bytes) => {
      sentBytes += bytes
      sinceBase += bytes
      isUnsettled = true
    },
    stored: (offset) => {
      storedBytes = Math.max(storedBytes, offset)
      if (storedBytes >= base + sinceBase) isUnsettled = false
    },
    continueAt: (offset) => {
      fromOffset ??= offset
      base = offset
      sinceBase = 0
      storedBytes = offset
      isUnsettled = false
    },
    refused: () => {
      base = storedBytes
      sinceBase = 0
    },
  }
}
