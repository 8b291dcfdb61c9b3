// Whether an upload can end within the life of its session, said while it runs.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rateRemark, tooSlow } from '../../activities/upload-rate.ts'

const GB = 1e9
const HOUR_MS = 3_600_000

describe('the rate of an upload', () => {
  it('is enough when the rest can be sent within the life of the session', () => {
    assert.equal(tooSlow(250 * GB, 10 * GB, 3e6, 24 * HOUR_MS), null)
  })

  it('is too low when it cannot, and the needed rate is known', () => {
    const slow = tooSlow(250 * GB, 0, 1e6, 24 * HOUR_MS)
    assert.ok(slow !== null && Math.abs(slow.neededPerSecond - 250e9 / 86_400) < 1)
  })

  it('never suffices for a session that has outlived its life, and always when nothing is left', () => {
    assert.notEqual(tooSlow(GB, 0, 1e12, 0), null)
    assert.equal(tooSlow(GB, GB, 0, 0), null)
  })

  it('is remarked upon after a minute of measuring, with both figures, and taken back when it recovers', () => {
    const remark = rateRemark(250 * GB, 24 * HOUR_MS, null)
    const start = Date.now()
    assert.equal(remark(0, start), null)
    assert.equal(remark(1e6, start + 30_000), null)
    const slow = remark(60e6, start + 61_000)
    assert.equal(slow?.error?.code, 'session_too_slow')
    assert.match(slow?.error?.message ?? '', /KiB\/s are measured, .* MiB\/s are needed/)
    assert.deepEqual(remark(100 * GB, start + 120_000), { error: null })
  })
})
