// QuickXorHash, the only content hash that Graph states for every drive (docs/providers.md, 3.3): byte i of the file is
// XORed into a 160-bit state at bit (11·i) mod 160, then the length as a 64-bit little-endian number into the last
// eight bytes; base64. As 11·160 is a multiple of 160, bytes that lie 160 apart meet at the same bit: the stream is
// XORed into a ring of 160 bytes, whole words at a time, and folded into 20 bytes once, at the end.

const RING_BYTES = 160
const RING_WORDS = RING_BYTES / 4
const HASH_BYTES = 20
const BITS_PER_BYTE = 11
/** Words of one pass: 32 KiB stay in the first-level cache while the ring is worked through eight words at a time. */
const PASS_WORDS = RING_WORDS * 204
/** Below this many bytes the word path costs more than it saves. */
const SMALL_BYTES = 4 * RING_BYTES

export interface QuickXorHash {
  /** Takes the next bytes; pieces may have any length and alignment. */
  update(bytes: Uint8Array): void
  /** The hash of everything so far in base64; more may follow. */
  digest(): string
  /** An independent hash that goes on from here. */
  copy(): QuickXorHash
}

export function createQuickXorHash(): QuickXorHash {
  return hashFrom(new Uint8Array(RING_BYTES), 0)
}

function hashFrom(ring: Uint8Array, start: number): QuickXorHash {
  let length = start
  const words = new Int32Array(RING_WORDS)
  const wordBytes = new Uint8Array(words.buffer)
  const xorBytes = (bytes: Uint8Array, from: number, to: number) => {
    let at = (length + from) % RING_BYTES
    for (let i = from; i < to; i += 1) {
      ring[at] = (ring[at] as number) ^ (bytes[i] as number)
      at = at === RING_BYTES - 1 ? 0 : at + 1
    }
  }
  return {
    update: (bytes) => {
      if (bytes.byteLength < SMALL_BYTES) {
        xorBytes(bytes, 0, bytes.byteLength)
      } else {
        const head = -bytes.byteOffset & 3
        const wordCount = Math.floor((bytes.byteLength - head) / RING_BYTES) * RING_WORDS
        const tail = head + wordCount * 4
        xorBytes(bytes, 0, head)
        words.fill(0)
        xorWords(words, new Int32Array(bytes.buffer, bytes.byteOffset + head, wordCount))
        // The words begin anywhere in the ring: they are rotated once per call, not once per block.
        xorIntoRing(ring, wordBytes, (length + head) % RING_BYTES)
        xorBytes(bytes, tail, bytes.byteLength)
      }
      length += bytes.byteLength
    },
    digest: () => fold(ring, length),
    copy: () => hashFrom(ring.slice(), length),
  }
}

/** XORs whole blocks of 40 words into 40 words, a fifth of the block at a time in local variables. */
function xorWords(into: Int32Array, from: Int32Array): void {
  for (let pass = 0; pass < from.length; pass += PASS_WORDS) {
    const end = Math.min(from.length, pass + PASS_WORDS)
    for (let lane = 0; lane < RING_WORDS; lane += 8) {
      let a = 0
      let b = 0
      let c = 0
      let d = 0
      let e = 0
      let f = 0
      let g = 0
      let h = 0
      for (let i = pass + lane; i < end; i += RING_WORDS) {
        a ^= from[i] as number
        b ^= from[i + 1] as number
        c ^= from[i + 2] as number
        d ^= from[i + 3] as number
        e ^= from[i + 4] as number
        f ^= from[i + 5] as number
        g ^= from[i + 6] as number
        h ^= from[i + 7] as number
      }
      into[lane] = (into[lane] as number) ^ a
      into[lane + 1] = (into[lane + 1] as number) ^ b
      into[lane + 2] = (into[lane + 2] as number) ^ c
      into[lane + 3] = (into[lane + 3] as number) ^ d
      into[lane + 4] = (into[lane + 4] as number) ^ e
      into[lane + 5] = (into[lane + 5] as number) ^ f
      into[lane + 6] = (into[lane + 6] as number) ^ g
      into[lane + 7] = (into[lane + 7] as number) ^ h
    }
  }
}

function xorIntoRing(ring: Uint8Array, bytes: Uint8Array, start: number): void {
  for (let i = 0; i < RING_BYTES; i += 1) {
    const at = (start + i) % RING_BYTES
    ring[at] = (ring[at] as number) ^ (bytes[i] as number)
  }
}

function fold(ring: Uint8Array, length: number): string {
  const hash = new Uint8Array(HASH_BYTES)
  const xor = (index: number, value: number) => {
    hash[index] = (hash[index] as number) ^ value
  }
  for (let i = 0; i < RING_BYTES; i += 1) {
    const bit = (i * BITS_PER_BYTE) % (HASH_BYTES * 8)
    const shifted = (ring[i] as number) << (bit & 7)
    xor(bit >> 3, shifted & 0xff)
    xor(((bit >> 3) + 1) % HASH_BYTES, shifted >> 8)
  }
  const lengthBytes = Buffer.alloc(8)
  lengthBytes.writeBigUInt64LE(BigInt(length))
  for (let i = 0; i < 8; i += 1) xor(HASH_BYTES - 8 + i, lengthBytes[i] as number)
  return Buffer.from(hash).toString('base64')
}
