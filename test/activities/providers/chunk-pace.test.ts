// How much is sent at a time: much on a good line, little on one that breaks.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createChunkPace } from '../../../activities/providers/chunk-pace.ts'

const MIB = 1024 * 1024
const options = { unitBytes: MIB, startBytes: 10 * MIB, maxBytes: 50 * MIB, brokenBytes: 2 * MIB }

describe('the pace of chunks', () => {
  it('begins in the middle and doubles after 128 MiB without a break, up to the most', () => {
    const pace = createChunkPace(options)
    const seen = [pace.bytes()]
    for (let sent = 0; sent < 512 * MIB; sent += 32 * MIB) {
      pace.whole(32 * MIB)
      if (pace.bytes() !== seen.at(-1)) seen.push(pace.bytes())
    }
    assert.deepEqual(
      seen,
      [10, 20, 40, 50].map((mib) => mib * MIB),
    )
  })

  it('falls to little when the line breaks, and earns more again', () => {
    const pace = createChunkPace(options)
    pace.whole(100 * MIB)
    pace.broke()
    assert.equal(pace.bytes(), 2 * MIB)
    pace.whole(100 * MIB)
    assert.equal(pace.bytes(), 2 * MIB)
    pace.whole(28 * MIB)
    assert.equal(pace.bytes(), 4 * MIB)
  })

  it('never tries again what the service found too large, down to one unit', () => {
    const pace = createChunkPace(options)
    assert.equal(pace.shrink(), true)
    assert.equal(pace.bytes(), 5 * MIB)
    for (let clean = 0; clean < 10; clean += 1) pace.whole(128 * MIB)
    assert.equal(pace.bytes(), 5 * MIB)
    assert.deepEqual([pace.shrink(), pace.shrink(), pace.shrink()], [true, true, false])
    assert.equal(pace.bytes(), MIB)
  })

  it('is always a multiple of the unit', () => {
    const pace = createChunkPace({ unitBytes: 320 * 1024, startBytes: 10 * MIB, maxBytes: 57 * MIB })
    for (let step = 0; step < 20; step += 1) {
      assert.equal(pace.bytes() % (320 * 1024), 0)
      pace.whole(200 * MIB)
      if (step % 7 === 6) pace.broke()
    }
  })
})
