// When an account rests: provider's pauses, and Drive's daily cap, which looks like an ordinary rate limit.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Cause } from '../../../activities/failures.ts'
import { pauseAfter } from '../../../activities/uploads/account-pause.ts'
import type { RateLimitHistory } from '../../../db/uploads/attempts.ts'
import type { ErrorCode } from '../../../workflows/errors.ts'

const NOW = Date.parse('2026-11-23T12:00:00Z')
const ago = (ms: number) => new Date(NOW - ms).toISOString()
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const quiet: RateLimitHistory = { sent_bytes: 0, oldest_at: null, limited_since: null }

function cause(code: ErrorCode, retryAfterMs?: number): Cause {
  return { code, fact: 'x.', advice: 'y.', retryAfterMs, details: {} }
}

describe('an account', () => {
  it('rests for exactly as long as the provider asks', () => {
    const pause = pauseAfter(cause('rate_limited', 37_000), quiet, NOW)
    assert.deepEqual(pause, { until_ms: NOW + 37_000, is_daily_cap: false })
  })

  it('rests for a moment when the provider names no time', () => {
    const pause = pauseAfter(cause('rate_limited'), quiet, NOW)
    assert.ok(pause !== null && pause.until_ms > NOW && pause.until_ms <= NOW + MINUTE)
  })

  it('rests for a day at most, whatever the provider asks for', () => {
    for (const code of ['rate_limited', 'daily_limit_reached'] as const) {
      assert.equal(pauseAfter(cause(code, 99_999_999_000), quiet, NOW)?.until_ms, NOW + 24 * HOUR)
    }
  })

  it('does not rest after faults that say nothing of the account', () => {
    for (const code of ['provider_unavailable', 'network_stalled', 'hash_mismatch'] as const) {
      assert.equal(pauseAfter(cause(code, 5000), quiet, NOW), null)
    }
  })

  it('is parked until the oldest upload is a day old when a limit lasts after 600 GB within a day', () => {
    const history = { sent_bytes: 700e9, oldest_at: ago(20 * HOUR), limited_since: ago(16 * MINUTE) }
    assert.deepEqual(pauseAfter(cause('rate_limited'), history, NOW), {
      until_ms: NOW + 4 * HOUR,
      is_daily_cap: true,
    })
  })

  it('is not parked while the limit is young or little was sent', () => {
    const young = { sent_bytes: 700e9, oldest_at: ago(HOUR), limited_since: ago(5 * MINUTE) }
    const little = { sent_bytes: 500e9, oldest_at: ago(HOUR), limited_since: ago(HOUR) }
    for (const history of [young, little]) {
      assert.equal(pauseAfter(cause('rate_limited', 1000), history, NOW)?.is_daily_cap, false)
    }
  })

  it('is parked for an hour at least when the provider itself speaks of a daily limit', () => {
    assert.deepEqual(pauseAfter(cause('daily_limit_reached'), quiet, NOW), {
      until_ms: NOW + HOUR,
      is_daily_cap: true,
    })
  })
})
