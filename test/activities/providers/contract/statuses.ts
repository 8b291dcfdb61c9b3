// Refusals that pass by themselves: 408, 429 and 5xx, with and without a pause that the provider asks for.

import assert from 'node:assert/strict'
import { withEveryStep } from './connections.ts'
import type { Suite } from './suite.ts'

export function describeStatuses({ traits, scenario }: Suite): void {
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    scenario(`${status} without Retry-After, at every step`, async (bench) => {
      for (const way of traits.ways) await withEveryStep(bench, way, () => ({ kind: 'status', status }))
    })
  }

  for (const status of [429, 503]) {
    scenario(`${status} with Retry-After, which is honoured to the second, at every step`, async (bench) => {
      const seconds: Readonly<Record<string, number>> = { open: 7, chunk: 61, finalise: 300 }
      for (const way of traits.ways) {
        const courses = await withEveryStep(bench, way, (step) => ({
          kind: 'status',
          status,
          headers: { 'Retry-After': String(seconds[step]) },
        }))
        const code = status === 429 ? 'rate_limited' : 'provider_unavailable'
        for (const { step, failures } of courses) {
          assert.deepEqual(
            failures.map((failure) => [failure.code, failure.retryAfterMs]),
            [[code, (seconds[step] ?? 0) * 1000]],
            `${way.name}, ${step}`,
          )
        }
      }
    })
  }

  scenario('an answer that is no answer of the provider but the page of a gateway', async (bench) => {
    const way = traits.largeWay
    for (const status of [502, 503]) {
      await withEveryStep(bench, way, () => ({
        kind: 'status',
        status,
        headers: { 'Content-Type': 'text/html' },
        body: '<html><body>Bad gateway: secret-page</body></html>',
      }))
    }
  })

  scenario('429 and 503 to the first look and the token', async (bench) => {
    const archive = await bench.archive(traits.ways[0].size)
    for (const status of [429, 503]) {
      for (const operation of [traits.operations.token, traits.operations.look]) {
        bench.cloud.server.faults.add({
          operation,
          action: { kind: 'status', status, headers: { 'Retry-After': '1' } },
        })
      }
    }
    const course = await bench.upload({ archive, keepsPauses: true })
    assert.ok(course.failures.length >= 4)
    for (const failure of course.failures) {
      const { retryAfterMs } = failure
      assert.ok(retryAfterMs !== undefined && retryAfterMs <= 1000 && retryAfterMs > 0, failure.fact)
    }
    await bench.assertWhole(course, archive)
  })
}
