// What the address and the fields of a request may hold, and what a refusal says of them.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createApp } from '../../../api/app.ts'
import { ActivityRefused } from '../../../api/temporal/failures.ts'
import { someAccount, someInstance } from '../../support/rows.ts'
import { type ApiFixture, askOf, assertProblem, at, createApiFixture, list, TOKEN, text } from '../fixture.ts'

describe('the address of a request', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  it('query fields without a value count as missing', async () => {
    for (const path of ['/api/runs?instance=&status=&limit=&cursor=', '/api/audit?run_id=&limit=']) {
      const answer = await api.ask('GET', path)
      assert.equal(answer.status, 200, answer.text)
    }
    assert.deepEqual(assertProblem(await api.ask('GET', '/api/runs?limit=&status=green'), 422), ['status'])
  })

  it('an unknown query field is refused by its name', async () => {
    for (const path of [
      '/api/runs?stauts=failed',
      '/api/runs?limit=2&stauts=failed',
      '/api/users?stauts=1',
    ]) {
      const answer = await api.ask('GET', path)
      assert.deepEqual(assertProblem(answer, 422), ['stauts'])
      assert.equal(at(answer.body, 'errors', 0).message, 'is not known')
    }
    assert.deepEqual(assertProblem(await api.ask('GET', '/api/audit?a=1&b=2&a=3'), 422), ['a', 'b'])
    assert.deepEqual(assertProblem(await api.ask('POST', '/api/instances?dry=1', { slug: 'a' }), 422), [
      'dry',
    ])
    for (const path of [
      '/api/runs?limit=2&status=failed&instance=acme&account=x&q=y&live=true&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z',
      '/api/instances?limit=2',
      '/api/accounts?limit=2',
      '/api/audit?limit=2&actor=token',
      '/healthz?probe=1',
      '/readyz?probe=1',
      '/metrics?x=1',
      '/api/openapi.json?x=1',
    ]) {
      assert.equal((await api.ask('GET', path)).status, 200, path)
    }
  })

  it('an ID that is too long, contains a NUL or is no text gets a 404', async () => {
    for (const id of ['x'.repeat(201), 'a%00b', '%ff']) {
      for (const path of ['runs', 'instances', 'accounts', 'bindings', 'users', 'tokens']) {
        assertProblem(await api.ask('GET', `/api/${path}/${id}`), 404)
        assertProblem(await api.ask('DELETE', `/api/${path}/${id}`), 404)
      }
      assertProblem(await api.ask('POST', `/api/runs/${id}/cancel`), 404)
    }
    assertProblem(await api.ask('GET', `/api/runs/${'x'.repeat(200)}`), 404)
  })
})

describe('the fields of a body', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())
  const faults = (answer: Awaited<ReturnType<ApiFixture['ask']>>) =>
    list(answer.body, 'errors').map(({ path, message }) => [path, message])

  it('unknown fields of a body are named', async () => {
    const { slug } = await someInstance(api.db)
    const flat = await api.ask('PATCH', `/api/instances/${slug}`, { name: 'A', colour: 'red', size: 1 })
    assertProblem(flat, 422)
    assert.deepEqual(faults(flat), [
      ['colour', 'is not known'],
      ['size', 'is not known'],
    ])
    const deep = await api.ask('POST', '/api/accounts', {
      name: 'D',
      provider: 'dropbox',
      credentials: { access_token: 'x' },
      settings: { remote_pth: '/a' },
    })
    assert.deepEqual(faults(deep), [['settings.remote_pth', 'is not known']])
  })

  it('a missing or wrong provider of an account is named', async () => {
    for (const provider of [undefined, 'drop_box', 7]) {
      const answer = await api.ask('POST', '/api/accounts', { name: 'D', provider, credentials: {} })
      assertProblem(answer, 422)
      assert.deepEqual(faults(answer), [['provider', 'must be one of google_drive, dropbox, onedrive']])
    }
  })
})

describe('an answer of the API', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  it('the Location of every 201 is documented', () => {
    const routes = api.app.openAPIRegistry.definitions.flatMap((each) =>
      each.type === 'route' ? [each.route] : [],
    )
    const document = api.app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: 'x', version: '1' } })
    const made = routes.filter(({ responses }) => 201 in responses)
    assert.ok(made.length >= 6)
    for (const { path, method } of made) {
      const shown = JSON.stringify(document.paths?.[path])
      assert.match(shown, /"201":\{[^}]*"headers":\{"Location":/, `${method} ${path}`)
    }
  })

  it('the audit keeps what a deleted instance was', async () => {
    const { slug, name } = await someInstance(api.db)
    assert.equal((await api.ask('DELETE', `/api/instances/${slug}`)).status, 204)
    const trail = list((await api.ask('GET', `/api/audit?instance=${slug}&event=instance_deleted`)).body)
    assert.deepEqual(at(trail[0] ?? null, 'details'), { before: { name } })
  })

  it('asking for the files of an account without readable credentials says that it needs them again', async () => {
    const account = await someAccount(api.db)
    const { slug } = await someInstance(api.db)
    const bound = await api.ask('POST', `/api/instances/${slug}/bindings`, { account_id: account.id })
    const temporal = {
      ...api.temporal,
      runActivity: () => Promise.reject(new ActivityRefused('credentials_unreadable', 'sealed')),
    }
    const ask = askOf(createApp({ ...api, temporal }))
    const headers = { authorization: `Bearer ${TOKEN}` }
    const path = `/api/bindings/${text(bound.body.id)}/remote-files`
    const answer = await ask('GET', path, undefined, headers)
    assertProblem(answer, 409)
    assert.equal(answer.body.code, 'credentials_unreadable')
    assert.match(text(answer.body.detail), /needs its credentials again/)
  })
})
