// What every answer has, and what every bad request is answered with.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ApiFixture, assertProblem, createApiFixture } from '../fixture.ts'

describe('an answer of the API', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  it('unknown addresses, other methods, foreign media and large bodies get problem documents', async () => {
    assertProblem(await api.ask('GET', '/api/nothing'), 404)
    const other = await api.ask('PUT', '/api/instances')
    assertProblem(other, 405)
    assert.equal(other.headers.get('allow'), 'GET, POST')
    assertProblem(await api.ask('POST', '/api/instances', '{"slug":'), 400)
    assertProblem(await api.ask('POST', '/api/instances', 'slug=a', { 'content-type': 'text/plain' }), 415)
    assertProblem(await api.ask('POST', '/api/instances', { slug: 'a', name: 'x'.repeat(300_000) }), 413)
    assert.deepEqual(
      assertProblem(await api.ask('POST', '/api/instances', { slug: 'A b', colour: 1 }), 422),
      ['slug', 'colour'],
    )
    assertProblem(await api.ask('POST', '/api/instances', '{"slug":"a","name":"\\u0000"}'), 422)
    assertProblem(await api.ask('GET', '/api/instances/%00'), 404)
  })

  it('every answer sends headers that forbid framing, sniffing, caching and loading from elsewhere', async () => {
    for (const answer of [await api.ask('GET', '/api/runs'), await api.ask('GET', '/api/nothing')]) {
      assert.equal(
        answer.headers.get('content-security-policy'),
        "default-src 'none'; frame-ancestors 'none'",
      )
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      assert.equal(answer.headers.get('referrer-policy'), 'no-referrer')
      assert.equal(answer.headers.get('strict-transport-security'), null)
    }
  })
})
