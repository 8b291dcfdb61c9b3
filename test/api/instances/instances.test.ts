// Instances and what they are bound to: made, changed and deleted, each change in the audit.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { randomName } from '../../support/rows.ts'
import { type ApiFixture, assertProblem, at, createApiFixture, list, text } from '../fixture.ts'

const DROPBOX = { provider: 'dropbox', credentials: { access_token: 'planted-secret-of-dropbox' } }

describe('instances of the API', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const account = async () => {
    const made = await api.ask('POST', '/api/accounts', { ...DROPBOX, name: randomName('Dropbox') })
    assert.equal(made.status, 201, made.text)
    return text(made.body.id)
  }
  const instance = async () => {
    const slug = randomName('acme')
    assert.equal((await api.ask('POST', '/api/instances', { slug, name: 'Acme' })).status, 201)
    return slug
  }

  it('an instance is created, read, renamed and deleted, each change with its audit entry', async () => {
    const slug = randomName('acme')
    const made = await api.ask('POST', '/api/instances', { slug })
    assert.equal(made.status, 201)
    assert.equal(made.headers.get('location'), `/api/instances/${slug}`)
    assert.equal(made.body.id, slug)
    assert.equal(made.body.name, slug)
    assert.deepEqual(assertProblem(await api.ask('POST', '/api/instances', { slug }), 409), ['slug'])
    const renamed = await api.ask('PATCH', `/api/instances/${slug}`, { name: 'Other' })
    assert.equal(renamed.body.name, 'Other')
    assert.equal((await api.ask('GET', `/api/instances/${slug}`)).body.name, 'Other')
    assert.equal((await api.ask('DELETE', `/api/instances/${slug}`)).status, 204)
    assertProblem(await api.ask('GET', `/api/instances/${slug}`), 404)
    assertProblem(await api.ask('PATCH', `/api/instances/${slug}`, { name: 'x' }), 404)
    assertProblem(await api.ask('DELETE', `/api/instances/${slug}`), 404)
    const trail = list((await api.ask('GET', `/api/audit?instance=${slug}`)).body)
    assert.deepEqual(
      trail.map((entry) => entry.event),
      ['instance_deleted', 'instance_updated', 'instance_created'],
    )
    assert.equal(trail[0]?.actor, 'token')
    assert.deepEqual(at(trail[1] ?? null, 'details'), { before: { name: slug }, after: { name: 'Other' } })
  })

  it('an instance is bound to an account once, and to no folder of another binding', async () => {
    const id = await account()
    const [one, other] = [await instance(), await instance()]
    const made = await api.ask('POST', `/api/instances/${one}/bindings`, { account_id: id, keep_last: 30 })
    assert.equal(made.status, 201)
    assert.equal(made.body.instance, one)
    assert.equal(made.body.remote_path, '/odoo-backups/{instance_slug}/')
    assert.equal(made.body.enabled, true)
    assert.equal(made.body.retention_scope, 'folder')
    const path = `/api/instances/${other}/bindings`
    assertProblem(await api.ask('POST', `/api/instances/${one}/bindings`, { account_id: id }), 409)
    const overlap = await api.ask('POST', path, { account_id: id, remote_path: `/Odoo-Backups/${one}` })
    assert.deepEqual(assertProblem(overlap, 409), ['remote_path'])
    for (const keepLast of [0, -1, 'x', 1.5]) {
      const answer = await api.ask('POST', path, { account_id: id, keep_last: keepLast })
      assert.deepEqual(assertProblem(answer, 422), ['keep_last'])
    }
    assert.deepEqual(assertProblem(await api.ask('POST', path, { account_id: 'nobody' }), 422), [
      'account_id',
    ])
    for (const remote_path of ['/a/{unknown}/b', '/a/../b', '/a}b']) {
      assert.deepEqual(assertProblem(await api.ask('POST', path, { account_id: id, remote_path }), 422), [
        'remote_path',
      ])
    }
    assertProblem(await api.ask('POST', '/api/instances/nobody/bindings', { account_id: id }), 404)
    const bindingPath = `/api/bindings/${text(made.body.id)}`
    const patched = await api.ask('PATCH', bindingPath, { keep_last: null, enabled: false })
    assert.equal(patched.body.keep_last, null)
    assert.equal(patched.body.enabled, false)
    assert.equal((await api.ask('GET', bindingPath)).body.enabled, false)
    assert.equal(list((await api.ask('GET', `/api/instances/${one}/bindings`)).body).length, 1)
    assertProblem(await api.ask('GET', `${bindingPath}/prune-preview`), 422)
  })
})
