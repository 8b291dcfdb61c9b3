// Contents as they arrive: hashed in blocks of 4 MiB while they stream, kept only where wanted. One SHA-256 over the
// bytes is all the work, so that uploads of many gigabytes can be taken with constant memory. Written apart from the
// program's own content hash, on purpose.

import { createHash, type Hash } from 'node:crypto'

export const BLOCK = 4_194_304

export type Content = { readonly size: number; readonly hash: string; readonly bytes: Buffer | null }

/** Bytes of one call, on top of what was there; nothing counts before it is taken over. */
export interface Draft {
  write(piece: Buffer): void
  readonly length: number
  /** Digests of the blocks that became whole. */
  readonly whole: readonly { readonly index: number; readonly digest: Buffer }[]
  /** The block that is still open. */
  readonly tail: { readonly hash: Hash; readonly length: number }
  readonly pieces: readonly Buffer[]
}

export function createDraft(
  start: number,
  tail: { hash: Hash; length: number } | null,
  keep: boolean,
): Draft {
  let block = tail ? tail.hash.copy() : createHash('sha256')
  let filled = tail?.length ?? 0
  let index = Math.floor(start / BLOCK)
  let length = 0
  const whole: { index: number; digest: Buffer }[] = []
  const pieces: Buffer[] = []
  return {
    write: (piece) => {
      if (keep) pieces.push(piece)
      length += piece.byteLength
      let at = 0
      while (at < piece.byteLength) {
        const end = Math.min(piece.byteLength, at + BLOCK - filled)
        block.update(piece.subarray(at, end))
        filled += end - at
        at = end
        if (filled === BLOCK) {
          whole.push({ index, digest: block.digest() })
          block = createHash('sha256')
          filled = 0
          index += 1
        }
      }
    },
    get length() {
      return length
    },
    whole,
    get tail() {
      return { hash: block, length: filled }
    },
    pieces,
  }
}

/** The content_hash of the draft's own bytes; the draft must have begun on an empty block. */
export function hashOfDraft(draft: Draft): string {
  const over = createHash('sha256')
  for (const { digest } of draft.whole) over.update(digest)
  if (draft.tail.length > 0) over.update(draft.tail.hash.copy().digest())
  return over.digest('hex')
}

export function contentOf(bytes: Buffer, keep: boolean): Content {
  const draft = createDraft(0, null, false)
  draft.write(bytes)
  return { size: bytes.byteLength, hash: hashOfDraft(draft), bytes: keep ? bytes : null }
}

/** The same content with one bit changed, as a broken disk would have it. */
export function damaged(content: Content): Content {
  if (content.bytes === null) {
    return { ...content, hash: createHash('sha256').update(content.hash).digest('hex') }
  }
  const bytes = Buffer.from(content.bytes)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  return contentOf(bytes, true)
}
