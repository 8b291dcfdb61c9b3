// The hash of an archive, fed by pieces at any position: each byte is hashed once, whatever is sent again or in which
// order. Sequential algorithms take the bytes that continue the hashed prefix; Dropbox's is made of 4 MiB blocks that may
// come in any order.

import { createHash } from 'node:crypto'
import type { FileHash, HashAlgorithm } from '../../workflows/types.ts'
import { type ByteRange, createBlockHash } from './hashes/dropbox-content-hash.ts'
import { createQuickXorHash } from './hashes/quickxorhash.ts'

interface ArchiveHash {
  readonly algorithm: HashAlgorithm
  /** Takes a piece. Skips bytes that are hashed already, or cannot be used yet. */
  feed(position: number, piece: Uint8Array): void
  /** What must be fed before bytes at `position` can be used: the gap before them; null when there is none. */
  gapBefore(position: number): ByteRange | null
  /** The next range that is not hashed yet; null when all of the file is. */
  missing(): ByteRange | null
  /** Only when nothing is missing. */
  digest(): FileHash
}

export function createArchiveHash(algorithm: HashAlgorithm, size: number): ArchiveHash {
  return algorithm === 'dropbox_content_hash' ? byBlocks(size) : inOrder(algorithm, size)
}

function inOrder(algorithm: Exclude<HashAlgorithm, 'dropbox_content_hash'>, size: number): ArchiveHash {
  const hash = algorithm === 'quickxorhash' ? createQuickXorHash() : hexHash(algorithm)
  let hashed = 0
  return {
    algorithm,
    feed: (position, piece) => {
      const end = position + piece.byteLength
      if (position > hashed || end <= hashed) return
      hash.update(piece.subarray(hashed - position))
      hashed = end
    },
    gapBefore: (position) => (position > hashed ? { start: hashed, end: position } : null),
    missing: () => (hashed < size ? { start: hashed, end: size } : null),
    digest: () => ({ algorithm, value: hash.digest() }),
  }
}

function hexHash(algorithm: 'md5' | 'sha256') {
  const hash = createHash(algorithm)
  return { update: (piece: Uint8Array) => void hash.update(piece), digest: () => hash.digest('hex') }
}

/** Blocks in any order; what is left out (sent by an earlier attempt) is read at the end. */
function byBlocks(size: number): ArchiveHash {
  const hash = createBlockHash(size)
  return {
    algorithm: 'dropbox_content_hash',
    feed: (position, piece) => hash.update(position, piece),
    gapBefore: () => null,
    missing: () => hash.missing()[0] ?? null,
    digest: () => ({ algorithm: 'dropbox_content_hash', value: hash.digest() }),
  }
}
