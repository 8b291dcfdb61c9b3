// How long an upload has been tried: 24 hours of it without a byte end it, an outage or a pause does not.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { triedMs } from '../../activities/failed-attempt.ts'
import type { EndedAttempt } from '../../db/attempts.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const PROGRESS = Date.parse('2026-11-23T00:00:00Z')

/** Times in milliseconds after the last progress. */
function attempt(startMs: number, endMs: number, bytes_sent = 0): EndedAttempt {
  const at = (ms: number) => new Date(PROGRESS + ms).toISOString()
  return { started_at: at(startMs), finished_at: at(endMs), bytes_sent }
}
const tried = (attempts: readonly EndedAttempt[], untilMs: number, isAsked = true) =>
  triedMs(attempts, { sinceMs: PROGRESS, untilMs: PROGRESS + untilMs, isAsked })

describe('the time that an upload is tried', () => {
  it('is that of its attempts since the last byte, and of the short pauses between them', () => {
    const attempts = [attempt(-5 * HOUR, MINUTE), attempt(6 * MINUTE, 7 * MINUTE)]
    assert.equal(tried(attempts, 12 * MINUTE), 12 * MINUTE)
  })

  it('adds up over a whole day of attempts', () => {
    const attempts = Array.from({ length: 24 * 12 }, (_, n) => attempt(n * 5 * MINUTE, n * 5 * MINUTE + 1000))
    assert.equal(tried(attempts, 24 * HOUR), 24 * HOUR)
  })

  it('leaves out outages, long pauses and the waiting for a place', () => {
    const attempts = [attempt(-HOUR, 0), attempt(25 * HOUR, 25 * HOUR + MINUTE)]
    assert.equal(tried(attempts, 50 * HOUR), MINUTE)
    assert.equal(tried(attempts, 25 * HOUR + 3 * MINUTE), 3 * MINUTE)
    assert.equal(tried([], 48 * HOUR), 0)
  })

  it('does not count what was sent last until the provider has been asked for it', () => {
    const attempts = [attempt(0, 25 * HOUR, 500e9), attempt(25 * HOUR + MINUTE, 25 * HOUR + 2 * MINUTE)]
    assert.equal(tried(attempts, 25 * HOUR + 3 * MINUTE, false), 3 * MINUTE)
    assert.equal(tried(attempts, 25 * HOUR + 3 * MINUTE, true), 25 * HOUR + 3 * MINUTE)
  })
})
