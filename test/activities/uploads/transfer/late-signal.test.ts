import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { withLateSignal } from '../../../../activities/uploads/transfer/late-signal.ts'

describe('work that goes on for a while after a cancellation', () => {
  const LONG_MS = 60_000

  it('may end by itself, and is stopped for the same reason when it takes too long', async () => {
    const cancelled = new AbortController()
    const working = withLateSignal(cancelled.signal, LONG_MS, (late) => delay(20, 'done', { signal: late }))
    cancelled.abort()
    assert.equal(await working, 'done')

    const second = new AbortController()
    let reason: unknown
    const hanging = withLateSignal(second.signal, 20, (late) =>
      delay(LONG_MS, undefined, { signal: late }).finally(() => {
        reason = late.reason
      }),
    )
    const why = new Error('cancelled')
    second.abort(why)
    await assert.rejects(hanging, { name: 'AbortError' })
    assert.equal(reason, why)
  })

  it('does not begin when it was cancelled before', async () => {
    const work = () => assert.fail('it began')
    await assert.rejects(
      withLateSignal(AbortSignal.abort(new Error('cancelled')), LONG_MS, work),
      /cancelled/,
    )
  })
})
