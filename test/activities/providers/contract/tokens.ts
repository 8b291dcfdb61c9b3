// Access tokens that the provider refuses although it gave them: another one can be had, so it is never the end of an upload.
// Only the token endpoint says that credentials are of no use (the check of bad credentials, in account.ts).

import assert from 'node:assert/strict'
import type { Suite } from './suite.ts'

/** Within one call, beyond what one call renews, and over several attempts. */
const REFUSALS = [1, 2, 3, 7] as const

/** What the three APIs say of a token that has ended; at the token endpoint it says nothing of the credentials. */
const API_REFUSALS = [
  { error_summary: 'expired_access_token/..', error: { '.tag': 'expired_access_token' } },
  { error: { code: 401, errors: [{ reason: 'authError' }], message: 'Invalid Credentials' } },
  { error: { code: 'InvalidAuthenticationToken', message: 'Lifetime validation failed.' } },
]

export function describeTokens({ traits, scenario }: Suite): void {
  const { token, look } = traits.operations
  const open = traits.largeWay.open?.operation
  for (const operation of [token, look, ...(open === undefined || open === look ? [] : [open])]) {
    for (const times of REFUSALS) {
      scenario(
        `a token that is refused ${times} times at "${operation}" does not end the upload`,
        async (bench) => {
          const archive = await bench.archive(traits.largeWay.size)
          const struck = bench.cloud.server.faults.add({
            operation,
            times,
            action: { kind: 'status', status: 401 },
          })
          const course = await bench.upload({ archive })
          assert.equal(struck(), times)
          await bench.assertWhole(course, archive)
          for (const { code } of course.failures)
            assert.ok(['token_refused', 'provider_unavailable'].includes(code), code)
        },
      )
    }
  }

  scenario('an answer of the API itself at the token endpoint does not end the upload', async (bench) => {
    const archive = await bench.archive(traits.ways[0].size)
    for (const body of API_REFUSALS) {
      bench.cloud.server.faults.add({ operation: token, action: { kind: 'status', status: 401, body } })
    }
    const course = await bench.upload({ archive })
    await bench.assertWhole(course, archive)
    assert.equal(course.failures.length, API_REFUSALS.length)
  })

  scenario(
    'a token that is refused for good is asked for again in each attempt, and not without end',
    async (bench) => {
      const archive = await bench.archive(traits.ways[0].size)
      const { faults } = bench.cloud.server
      const times = Number.POSITIVE_INFINITY
      faults.add({ operation: look, times, action: { kind: 'status', status: 401 } })
      const stop = new AbortController()
      const codes: string[] = []
      const upload = bench.upload({
        archive,
        signal: stop.signal,
        onFailure: ({ code }) => {
          codes.push(code)
          if (codes.length === 2) stop.abort(new Error('seen enough'))
        },
      })
      await assert.rejects(upload, /seen enough/)
      assert.deepEqual(codes, ['token_refused', 'token_refused'])
      assert.equal(bench.count(look), 6)
    },
  )
}
