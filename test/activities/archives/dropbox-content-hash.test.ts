import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import {
  createBlockHash,
  createDropboxContentHash,
  DROPBOX_BLOCK_BYTES,
} from '../../../activities/archives/hashes/dropbox-content-hash.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

/** The definition, word by word, over the whole content. */
function defined(bytes: Buffer): string {
  const digests: Buffer[] = []
  for (let at = 0; at < bytes.byteLength; at += DROPBOX_BLOCK_BYTES) {
    digests.push(sha256(bytes.subarray(at, at + DROPBOX_BLOCK_BYTES)))
  }
  return sha256(Buffer.concat(digests)).toString('hex')
}

function patterned(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let index = 0; index < size; index += 1) bytes[index] = (index * 31 + (index >> 13)) & 255
  return bytes
}

const SIZES = [
  1,
  DROPBOX_BLOCK_BYTES - 1,
  DROPBOX_BLOCK_BYTES,
  DROPBOX_BLOCK_BYTES + 1,
  2 * DROPBOX_BLOCK_BYTES,
  3 * DROPBOX_BLOCK_BYTES + 12_345,
]

describe('the content hash of bytes in order', () => {
  it('is the SHA-256 of nothing for an empty file', () => {
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    assert.equal(createDropboxContentHash().digest(), empty)
  })

  it('gives known values for short contents', () => {
    const hash = (text: string) => {
      const hasher = createDropboxContentHash()
      hasher.update(Buffer.from(text))
      return hasher.digest()
    }
    assert.equal(hash('a'), 'bf5d3affb73efd2ec6c36ad3112dd933efed63c4e1cbffcfa88e2759c144f2d8')
    assert.equal(hash('abc'), '4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358')
  })

  it('follows the definition at and around the edges of blocks, however the pieces fall', () => {
    for (const size of SIZES) {
      const bytes = patterned(size)
      for (const piece of [size, 65_536, 1_000_003]) {
        const hasher = createDropboxContentHash()
        for (let at = 0; at < size; at += piece) hasher.update(bytes.subarray(at, at + piece))
        assert.equal(hasher.digest(), defined(bytes), `${size} bytes in pieces of ${piece}`)
      }
    }
  })
})

describe('the content hash of blocks in any order', () => {
  it('equals the one in order', () => {
    for (const size of SIZES) {
      const bytes = patterned(size)
      const hash = createBlockHash(size)
      const starts: number[] = []
      for (let start = 0; start < size; start += DROPBOX_BLOCK_BYTES) starts.push(start)
      for (const start of starts.toReversed()) {
        for (let at = start; at < Math.min(size, start + DROPBOX_BLOCK_BYTES); at += 1_000_000) {
          hash.update(at, bytes.subarray(at, Math.min(at + 1_000_000, start + DROPBOX_BLOCK_BYTES)))
        }
      }
      assert.deepEqual(hash.missing(), [])
      assert.equal(hash.digest(), defined(bytes), `${size} bytes`)
    }
  })

  it('takes pieces of several blocks that alternate', () => {
    const bytes = patterned(2 * DROPBOX_BLOCK_BYTES)
    const hash = createBlockHash(bytes.byteLength)
    for (let at = 0; at < DROPBOX_BLOCK_BYTES; at += 300_000) {
      const end = Math.min(at + 300_000, DROPBOX_BLOCK_BYTES)
      hash.update(
        DROPBOX_BLOCK_BYTES + at,
        bytes.subarray(DROPBOX_BLOCK_BYTES + at, DROPBOX_BLOCK_BYTES + end),
      )
      hash.update(at, bytes.subarray(at, end))
    }
    assert.equal(hash.digest(), defined(bytes))
  })

  it('hashes each byte once when a part is sent again', () => {
    const bytes = patterned(DROPBOX_BLOCK_BYTES + 10)
    const hash = createBlockHash(bytes.byteLength)
    hash.update(0, bytes.subarray(0, 1_000_000))
    hash.update(0, bytes.subarray(0, 2_000_000))
    hash.update(500, bytes.subarray(500, 1000))
    hash.update(1_500_000, bytes.subarray(1_500_000))
    hash.update(0, bytes)
    assert.equal(hash.digest(), defined(bytes))
  })

  it('names what is missing in whole blocks, and takes it later', () => {
    const bytes = patterned(4 * DROPBOX_BLOCK_BYTES + 5)
    const hash = createBlockHash(bytes.byteLength)
    hash.update(DROPBOX_BLOCK_BYTES, bytes.subarray(DROPBOX_BLOCK_BYTES, 2 * DROPBOX_BLOCK_BYTES))
    // The beginning of this block was sent by an earlier process: it cannot be used.
    hash.update(
      3 * DROPBOX_BLOCK_BYTES + 9,
      bytes.subarray(3 * DROPBOX_BLOCK_BYTES + 9, 4 * DROPBOX_BLOCK_BYTES),
    )
    assert.deepEqual(hash.missing(), [
      { start: 0, end: DROPBOX_BLOCK_BYTES },
      { start: 2 * DROPBOX_BLOCK_BYTES, end: bytes.byteLength },
    ])
    assert.throws(() => hash.digest(), /have not been hashed/)
    for (const { start, end } of hash.missing()) hash.update(start, bytes.subarray(start, end))
    assert.equal(hash.digest(), defined(bytes))
  })

  it('refuses bytes outside of the file', () => {
    assert.throws(() => createBlockHash(10).update(8, Buffer.alloc(3)), RangeError)
  })
})
