// Dropbox's content_hash: SHA-256 of each 4 MiB block, and SHA-256 over those digests, as lower-case hex. Once for
// bytes that come in order, once for bytes that come in any order (concurrent upload sessions).
// See https://www.dropbox.com/developers/reference/content-hash and docs/providers.md, 2.4.

import { createHash, type Hash } from 'node:crypto'

/** Length of a block in bytes: 2^22. */
export const DROPBOX_BLOCK_BYTES = 4_194_304
const DIGEST_BYTES = 32

interface DropboxContentHash {
  /** Takes the next bytes. */
  update(bytes: Uint8Array): void
  /** The hash of all bytes so far; nothing can be added afterwards. */
  digest(): string
}

/** Hashes bytes that come in order. */
export function createDropboxContentHash(): DropboxContentHash {
  const whole = createHash('sha256')
  let block = createHash('sha256')
  let filled = 0
  return {
    update: (bytes) => {
      for (let at = 0; at < bytes.byteLength; ) {
        const piece = bytes.subarray(at, at + DROPBOX_BLOCK_BYTES - filled)
        block.update(piece)
        filled += piece.byteLength
        at += piece.byteLength
        if (filled < DROPBOX_BLOCK_BYTES) continue
        whole.update(block.digest())
        block = createHash('sha256')
        filled = 0
      }
    },
    digest: () => {
      if (filled > 0) whole.update(block.digest())
      return whole.digest('hex')
    },
  }
}

/** A part [start, end) of a file, in bytes. */
export type ByteRange = { readonly start: number; readonly end: number }

interface BlockHash {
  /**
   * Takes bytes that stand at `offset` of the file. Blocks may come in any order and several at once; within a
   * block the bytes must follow on each other. Bytes that were hashed before are skipped, and bytes after a gap in
   * their block are left for later: `missing` names that block then.
   */
  update(offset: number, bytes: Uint8Array): void
  /** What has not been hashed yet, in whole blocks and in order; empty when `digest` can be asked. */
  missing(): readonly ByteRange[]
  /** The hash of the whole file. Throws while something is missing. */
  digest(): string
}

type OpenBlock = { readonly hash: Hash; filled: number }

/** Hashes a file of `size` bytes whose parts come in any order; 32 bytes of memory per block (4 MB for 500 GB). */
export function createBlockHash(size: number): BlockHash {
  const count = Math.ceil(size / DROPBOX_BLOCK_BYTES)
  const digests = Buffer.alloc(count * DIGEST_BYTES)
  const isDone = new Uint8Array(count)
  const open = new Map<number, OpenBlock>()

  const lengthOf = (index: number) => Math.min(DROPBOX_BLOCK_BYTES, size - index * DROPBOX_BLOCK_BYTES)
  const take = (index: number, position: number, bytes: Uint8Array): void => {
    if (isDone[index] === 1) return
    const block = open.get(index) ?? { hash: createHash('sha256'), filled: 0 }
    const known = block.filled - position
    if (known < 0 || known >= bytes.byteLength) return
    open.set(index, block)
    block.hash.update(bytes.subarray(known))
    block.filled = position + bytes.byteLength
    if (block.filled < lengthOf(index)) return
    digests.set(block.hash.digest(), index * DIGEST_BYTES)
    isDone[index] = 1
    open.delete(index)
  }
  const missing = (): readonly ByteRange[] => {
    const ranges: { start: number; end: number }[] = []
    for (let index = 0; index < count; index += 1) {
      if (isDone[index] === 1) continue
      const start = index * DROPBOX_BLOCK_BYTES
      const last = ranges.at(-1)
      if (last?.end === start) last.end = start + lengthOf(index)
      else ranges.push({ start, end: start + lengthOf(index) })
    }
    return ranges
  }
  return {
    update: (offset, bytes) => {
      if (offset < 0 || offset + bytes.byteLength > size) throw new RangeError('bytes outside of the file')
      for (let at = 0; at < bytes.byteLength; ) {
        const index = Math.floor((offset + at) / DROPBOX_BLOCK_BYTES)
        const position = offset + at - index * DROPBOX_BLOCK_BYTES
        const piece = bytes.subarray(at, at + DROPBOX_BLOCK_BYTES - position)
        take(index, position, piece)
        at += piece.byteLength
      }
    },
    missing,
    digest: () => {
      const first = missing()[0]
      if (first) throw new Error(`bytes ${first.start} to ${first.end} have not been hashed`)
      return createHash('sha256').update(digests).digest('hex')
    },
  }
}
