// A token is worth what its maker may do now: it ends with the maker, and becomes less with the maker's role.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hashPassword } from '../../../api/access/passwords.ts'
import { PERMISSIONS } from '../../../api/access/permissions.ts'
import { createUser } from '../../../db/access/users.ts'
import type { UserRole } from '../../../db/schema.ts'
import { randomName } from '../../support/rows.ts'
import { type ApiFixture, assertProblem, createApiFixture, list, TOKEN, text } from '../fixture.ts'

const PASSWORD = 'two otters beneath'

describe('an API token', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const person = async (username = randomName('maria'), role: UserRole = 'admin') => {
    const user = await createUser(api.db, { username, password_hash: await hashPassword(PASSWORD), role })
    const login = await api.askAnonymously('POST', '/api/session', { username, password: PASSWORD })
    const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    return { user, headers: { cookie, 'sec-fetch-site': 'same-origin' } }
  }
  const withToken = (token: string) => (method: string, path: string, body?: unknown) =>
    api.askAnonymously(method, path, body, { authorization: `Bearer ${token}` })
  const make = async (headers: Record<string, string>, scopes: readonly string[] = PERMISSIONS) => {
    const made = await api.askAnonymously('POST', '/api/tokens', { name: randomName('t'), scopes }, headers)
    assert.equal(made.status, 201, made.text)
    const path = `/api/tokens/${text(made.body.id)}`
    assert.equal(made.headers.get('location'), path)
    return { path, made: made.body, token: text(made.body.token), ask: withToken(text(made.body.token)) }
  }
  const newAdmin = () => ({ username: randomName('new'), password: PASSWORD, role: 'admin' })

  it('an API token may do no more than its maker, from the moment that the role changes', async () => {
    const { user, headers } = await person()
    const { path, ask, made } = await make(headers)
    assert.deepEqual(made.effective_scopes, PERMISSIONS)
    assert.equal((await ask('POST', '/api/users', newAdmin())).status, 201)
    const change = (role: UserRole) => api.ask('PATCH', `/api/users/${user.id}`, { role })
    assert.equal((await change('viewer')).status, 200)
    assertProblem(await ask('POST', '/api/users', newAdmin()), 403)
    assertProblem(await ask('POST', '/api/instances', { slug: randomName('acme') }), 403)
    assert.equal((await ask('GET', '/api/instances')).status, 200)
    const { body } = await api.ask('GET', path)
    assert.deepEqual(body.scopes, PERMISSIONS)
    assert.deepEqual(body.effective_scopes, ['read'])
    assert.equal(body.maker_deleted, false)
    assert.equal(body.token, undefined)
    assert.equal((await change('admin')).status, 200)
    assert.equal((await ask('POST', '/api/users', newAdmin())).status, 201)
  })

  it('an API token is refused and shown as such when its maker is deleted, also when a user of that name is made again', async () => {
    const { user, headers } = await person()
    const { path, ask } = await make(headers)
    assert.equal((await ask('GET', '/api/instances')).status, 200)
    assert.equal((await api.ask('DELETE', `/api/users/${user.id}`)).status, 204)
    assertProblem(await ask('GET', '/api/instances'), 401)
    for (const namesake of [null, () => person(user.username)]) {
      await namesake?.()
      assertProblem(await ask('GET', '/api/instances'), 401)
      const { body } = await api.ask('GET', path)
      assert.deepEqual([body.maker_deleted, body.effective_scopes], [true, []])
      const listed = list((await api.ask('GET', '/api/tokens')).body).find(
        ({ id }) => `/api/tokens/${id}` === path,
      )
      assert.equal(listed?.maker_deleted, true)
    }
  })

  it('a token that a token makes does not outlive the person behind it', async () => {
    const { user, headers } = await person()
    const first = await make(headers)
    const second = await make({ authorization: `Bearer ${first.token}` })
    const third = await make({ authorization: `Bearer ${second.token}` })
    assert.match(text(third.made.created_by), new RegExp(`^user:${user.username} by token:`))
    assert.equal((await api.ask('DELETE', `/api/users/${user.id}`)).status, 204)
    for (const { ask } of [first, second, third]) assertProblem(await ask('GET', '/api/instances'), 401)
  })

  it('a token that API_TOKEN made keeps its scopes, and so do the tokens that it makes', async () => {
    const first = await make({ authorization: `Bearer ${TOKEN}` }, ['users:write', 'read'])
    const second = await make({ authorization: `Bearer ${first.token}` }, ['read'])
    assert.equal((await api.ask('DELETE', first.path)).status, 204)
    assert.equal((await second.ask('GET', '/api/instances')).status, 200)
    assert.equal(second.made.maker_deleted, false)
  })

  it('an API token is found at its address, and nothing at others', async () => {
    const { headers } = await person()
    const { path, made } = await make(headers, ['read'])
    const { token: _token, ...shown } = made
    assert.deepEqual((await api.ask('GET', path)).body, shown)
    assertProblem(await api.ask('GET', '/api/tokens/nothing'), 404)
  })
})

describe('user names', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  it('user names that differ only by case are one', async () => {
    const username = randomName('Maria')
    const make = (name: string) =>
      api.ask('POST', '/api/users', { username: name, password: PASSWORD, role: 'viewer' })
    assert.equal((await make(username)).status, 201)
    for (const same of [username.toLowerCase(), username.toUpperCase(), username]) {
      assert.deepEqual(assertProblem(await make(same), 409), ['username'])
    }
    const other = randomName('ADA')
    const answers = await Promise.all([other, other.toLowerCase(), other.toUpperCase()].map(make))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409])
  })
})
