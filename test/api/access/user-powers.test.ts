// What a permission to change users is good for: never for more than its holder may do anyway, and not for one's own
// password without the old one.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hashPassword } from '../../../api/access/passwords.ts'
import { PERMISSIONS, type Permission } from '../../../api/access/permissions.ts'
import { createUser, getUser } from '../../../db/access/users.ts'
import type { User, UserRole } from '../../../db/schema.ts'
import { randomName } from '../../support/rows.ts'
import { type ApiFixture, assertProblem, createApiFixture, text } from '../fixture.ts'

const PASSWORD = 'four seagulls above'
const OTHER = 'seven herons below'

describe('the permission to change users', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const someUser = async (role: UserRole): Promise<User> =>
    createUser(api.db, { username: randomName(role), password_hash: await hashPassword(PASSWORD), role })
  const withScopes = async (scopes: readonly Permission[]) => {
    const made = await api.ask('POST', '/api/tokens', { name: randomName('token'), scopes })
    const headers = { authorization: `Bearer ${text(made.body.token)}` }
    return (method: string, path: string, body?: unknown) => api.askAnonymously(method, path, body, headers)
  }

  it('nobody makes or promotes a user beyond their own permissions', async () => {
    const make = (role: UserRole) => ({ username: randomName('new'), password: PASSWORD, role })
    const only = await withScopes(['users:write'])
    for (const role of ['viewer', 'operator', 'admin'] as const) {
      assertProblem(await only('POST', '/api/users', make(role)), 403)
    }
    const reading = await withScopes(['read', 'users:write'])
    assert.equal((await reading('POST', '/api/users', make('viewer'))).status, 201)
    assertProblem(await reading('POST', '/api/users', make('operator')), 403)
    const all = await withScopes(PERMISSIONS)
    assert.equal((await all('POST', '/api/users', make('admin'))).status, 201)

    const user = await someUser('viewer')
    assertProblem(await reading('PATCH', `/api/users/${user.id}`, { role: 'operator' }), 403)
    assertProblem(await reading('PATCH', `/api/users/${user.id}`, { role: 'admin' }), 403)
    assert.equal((await getUser(api.db, user.id))?.role, 'viewer')
    assert.equal((await all('PATCH', `/api/users/${user.id}`, { role: 'operator' })).status, 200)
  })

  it('nobody sets the password of a user who may do more', async () => {
    const admin = await someUser('admin')
    const viewer = await someUser('viewer')
    const reading = await withScopes(['read', 'users:write'])
    for (const change of [{ password: OTHER }, { password: OTHER, role: 'viewer' }]) {
      assertProblem(await reading('PATCH', `/api/users/${admin.id}`, change), 403)
    }
    assert.deepEqual(await getUser(api.db, admin.id), admin)
    assert.equal((await reading('PATCH', `/api/users/${viewer.id}`, { password: OTHER })).status, 200)
  })

  it("one's own password is changed only with the old one", async () => {
    const admin = await someUser('admin')
    const other = await someUser('admin')
    const { username } = admin
    const login = await api.askAnonymously('POST', '/api/session', { username, password: PASSWORD })
    const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    const patch = (id: string, change: object) =>
      api.askAnonymously('PATCH', `/api/users/${id}`, change, { cookie, 'sec-fetch-site': 'same-origin' })
    assertProblem(await patch(admin.id, { password: OTHER }), 403)
    assert.equal((await getUser(api.db, admin.id))?.password_hash, admin.password_hash)
    assert.equal((await patch(other.id, { password: OTHER })).status, 200)
    assert.equal((await patch(admin.id, { role: 'operator' })).status, 200)
  })
})
