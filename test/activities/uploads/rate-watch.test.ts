// Whether an upload can end within the life of its session, said while it runs.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { tooSlow, watchRate } from '../../../activities/uploads/rate-watch.ts'

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

  it('is warned of after a minute of measuring, with both figures, and taken back when it recovers', () => {
    const start = Date.now()
    const rate = watchRate(250 * GB, 24 * HOUR_MS)
    rate.enterSession(new Date(start).toISOString())
    rate.continueAt(0, start)
    assert.equal(rate.warning(0, start), null)
    assert.equal(rate.warning(1e6, start + 30_000), null)
    const slow = rate.warning(60e6, start + 61_000)
    assert.equal(slow?.error?.code, 'session_too_slow')
    assert.match(slow?.error?.message ?? '', /KiB\/s are measured, .* MiB\/s are needed/)
    assert.deepEqual(rate.warning(100 * GB, start + 120_000), { error: null })
  })

  it('is that of this attempt: what the provider had before was not sent in it', () => {
    const start = Date.now()
    const rate = watchRate(200 * GB, 24 * HOUR_MS)
    assert.equal(rate.warning(0, start + 1000), null)
    // 100 GB are left for 4 hours: 1 MB/s is far too little.
    rate.enterSession(new Date(start - 20 * HOUR_MS).toISOString())
    rate.continueAt(100 * GB, start + 5000)
    const slow = rate.warning(100 * GB + 300e6, start + 305_000)
    assert.equal(slow?.error?.code, 'session_too_slow')
    assert.match(slow?.error?.message ?? '', /^977 KiB\/s are measured/)
  })

  it('goes on over broken connections, and is measured anew in a new session with a life of its own', () => {
    const start = Date.now()
    const rate = watchRate(100 * GB, 24 * HOUR_MS)
    rate.enterSession(new Date(start - 23.9 * HOUR_MS).toISOString())
    rate.continueAt(0, start)
    rate.continueAt(30e6, start + 59_000)
    assert.equal(rate.warning(60e6, start + 61_000)?.error?.code, 'session_too_slow')
    rate.enterSession(new Date(start + 70_000).toISOString())
    assert.equal(rate.warning(60e6, start + 75_000), null)
    rate.continueAt(0, start + 80_000)
    assert.equal(rate.warning(10 * GB, start + 90_000), null)
    assert.deepEqual(rate.warning(10 * GB, start + 145_000), { error: null })
  })
})
