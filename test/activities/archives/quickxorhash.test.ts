import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createQuickXorHash } from '../../../activities/archives/hashes/quickxorhash.ts'

/** The definition of docs/providers.md, 3.3, bit by bit. */
function byDefinition(bytes: Uint8Array): string {
  const state = new Uint8Array(20)
  const flip = (bit: number) => {
    const at = Math.floor(bit / 8)
    state[at] = (state[at] ?? 0) ^ (1 << (bit % 8))
  }
  bytes.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) flip((index * 11 + bit) % 160)
  })
  let length = BigInt(bytes.byteLength)
  for (let bit = 96; length > 0n; bit += 1, length >>= 1n) if (length & 1n) flip(bit)
  return Buffer.from(state).toString('base64')
}

function inOneGo(bytes: Uint8Array): string {
  const hash = createQuickXorHash()
  hash.update(bytes)
  return hash.digest()
}

describe('QuickXorHash', () => {
  const vectors: readonly [string, Uint8Array, string][] = [
    ['nothing', Buffer.alloc(0), 'AAAAAAAAAAAAAAAAAAAAAAAAAAA='],
    ['one byte', Buffer.from([0x4a]), 'SgAAAAAAAAAAAAAAAQAAAAAAAAA='],
    ['four bytes', Buffer.from('jRRDVA==', 'base64'), 'jaDAEKgAAAAAAAAABAAAAAAAAAA='],
    ['hello world', Buffer.from('hello world'), 'aCgDG9jwBhDc4Q1yawMZAAAAAAA='],
    [
      'all byte values',
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      'QkGEfSisZcA7k+FCh71r2dbCayY=',
    ],
    ['1 MiB of zeros', Buffer.alloc(1024 * 1024), 'AAAAAAAAAAAAAAAAAAAQAAAAAAA='],
  ]
  for (const [name, bytes, expected] of vectors) {
    it(`of ${name} is the published one`, () => {
      assert.equal(inOneGo(bytes), expected)
      assert.equal(byDefinition(bytes), expected)
    })
  }

  it('is the same whatever the piece boundaries and the alignment of the pieces', () => {
    const whole = randomBytes(50_000)
    const expected = byDefinition(whole)
    assert.equal(inOneGo(whole), expected)
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 40 }),
        fc.nat(7),
        (sizes, shift) => {
          const hash = createQuickXorHash()
          let at = 0
          for (const size of [...sizes, whole.byteLength]) {
            const piece = whole.subarray(at, at + size)
            const shifted = new Uint8Array(piece.byteLength + shift).subarray(shift)
            shifted.set(piece)
            hash.update(shifted)
            at = Math.min(whole.byteLength, at + size)
          }
          assert.equal(hash.digest(), expected)
        },
      ),
    )
  })

  it('equals the definition for every length around the sizes of its blocks', () => {
    for (const near of [160, 320, 640, 1280, 32_640, 65_280]) {
      for (let size = near - 5; size <= near + 5; size += 1) {
        const bytes = randomBytes(size)
        assert.equal(inOneGo(bytes), byDefinition(bytes), `${size} bytes`)
      }
    }
  })

  it('goes on after a digest, and a copy goes its own way', () => {
    const hash = createQuickXorHash()
    hash.update(Buffer.from('hello '))
    hash.digest()
    const other = hash.copy()
    hash.update(Buffer.from('world'))
    other.update(Buffer.from('there'))
    assert.equal(hash.digest(), 'aCgDG9jwBhDc4Q1yawMZAAAAAAA=')
    assert.equal(other.digest(), byDefinition(Buffer.from('hello there')))
  })

  it('counts lengths and positions beyond 4 GiB', () => {
    const hash = createQuickXorHash()
    const zeros = new Uint8Array(16 * 1024 * 1024)
    for (let i = 0; i < 257; i += 1) hash.update(zeros)
    hash.update(Buffer.from('hello world'))
    const length = 257 * 16 * 1024 * 1024
    const expected = Buffer.alloc(20)
    Buffer.from('hello world').forEach((byte, i) => {
      const bit = Number((11n * BigInt(length + i)) % 160n)
      const shifted = byte << (bit % 8)
      const low = Math.floor(bit / 8)
      expected[low] = (expected[low] ?? 0) ^ (shifted & 0xff)
      expected[(low + 1) % 20] = (expected[(low + 1) % 20] ?? 0) ^ (shifted >> 8)
    })
    expected.writeBigUInt64LE(expected.readBigUInt64LE(12) ^ BigInt(length + 11), 12)
    assert.equal(hash.digest(), expected.toString('base64'))
  })
})
