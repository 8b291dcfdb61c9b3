// Takes the bytes of one upload session and hashes them once. Like the real service it keeps whole units of 256 KiB
// of a request that broke off, and everything of a request that arrived whole; the rest is forgotten.

import { createHash, randomBytes } from 'node:crypto'
import type { ItemContent } from './drive-world.ts'

export const UNIT_BYTES = 256 * 1024

export interface ContentIntake {
  /** Bytes that are kept for good. */
  readonly stored: number
  /** Takes the next bytes; they count when `commit` says so, or when a unit is full. */
  take(piece: Buffer): void
  /** Keeps also what does not fill a unit. */
  commit(): void
  /** Forgets what does not fill a unit. */
  rollBack(): void
  finish(): ItemContent
}

/** `onStored` is told of bytes as they are kept for good. */
export function createContentIntake(keepsContent: boolean, onStored: (bytes: number) => void): ContentIntake {
  const md5 = createHash('md5')
  const sha256 = createHash('sha256')
  const kept: Buffer[] = []
  let stored = 0
  let waiting: Buffer[] = []
  let waitingBytes = 0
  const commit = () => {
    for (const piece of waiting) {
      md5.update(piece)
      sha256.update(piece)
      if (keepsContent) kept.push(Buffer.from(piece))
    }
    stored += waitingBytes
    onStored(waitingBytes)
    waiting = []
    waitingBytes = 0
  }
  return {
    get stored() {
      return stored
    },
    take: (piece) => {
      let rest = piece
      while (rest.byteLength > 0) {
        const room = UNIT_BYTES - ((stored + waitingBytes) % UNIT_BYTES)
        const part = rest.subarray(0, room)
        waiting.push(part)
        waitingBytes += part.byteLength
        rest = rest.subarray(part.byteLength)
        if ((stored + waitingBytes) % UNIT_BYTES === 0) commit()
      }
    },
    commit,
    rollBack: () => {
      waiting = []
      waitingBytes = 0
    },
    finish: () => ({
      size: stored,
      md5: md5.digest('hex'),
      sha256: sha256.digest('hex'),
      headRevisionId: `0B${randomBytes(18).toString('base64url')}`,
      bytes: keepsContent ? Buffer.concat(kept) : null,
    }),
  }
}
