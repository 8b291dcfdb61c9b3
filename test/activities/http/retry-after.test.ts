// Retry-After in the forms that RFC 9110 allows, and what it is in practice.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { retryAfterMs } from '../../../activities/http/retry-after.ts'

const now = Date.parse('2026-11-23T12:00:00Z')

describe('Retry-After', () => {
  it('is read in seconds and as a date', () => {
    assert.equal(retryAfterMs('120', now), 120_000)
    assert.equal(retryAfterMs('Mon, 23 Nov 2026 12:00:30 GMT', now), 30_000)
    assert.equal(retryAfterMs('Mon, 23 Nov 2026 11:00:00 GMT', now), 0)
  })

  it('asks for nothing where it cannot be read', () => {
    for (const header of ['', ' ', 'soon', undefined, null])
      assert.equal(retryAfterMs(header, now), undefined)
  })
})
