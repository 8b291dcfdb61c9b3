// Who may call what: every operation of the API is called by every role, with every scope, and by nobody. What is expected
// is written here by hand, so that a route whose check is forgotten or wrong shows.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Permission } from '../../../api/access/permissions.ts'
import { byRole, byScope, type Caller } from '../callers.ts'
import { type ApiFixture, createApiFixture } from '../fixture.ts'

/** By operation ID; 'anybody': without a login; 'own': whoever is logged in, for himself. */
const EXPECTED: Readonly<Record<string, Permission | 'anybody' | 'own'>> = {
  getHealth: 'anybody',
  getReadiness: 'anybody',
  logIn: 'anybody',
  getSession: 'own',
  logOut: 'own',
  changePassword: 'own',
  listUsers: 'users:write',
  createUser: 'users:write',
  getUser: 'users:write',
  updateUser: 'users:write',
  deleteUser: 'users:write',
  listTokens: 'users:write',
  createToken: 'users:write',
  getToken: 'users:write',
  deleteToken: 'users:write',
  listInstances: 'read',
  createInstance: 'config:write',
  getInstance: 'read',
  updateInstance: 'config:write',
  deleteInstance: 'config:write',
  listAccounts: 'read',
  createAccount: 'accounts:write',
  getAccount: 'read',
  updateAccount: 'accounts:write',
  deleteAccount: 'accounts:write',
  checkAccount: 'runs:write',
  listBindings: 'read',
  createBinding: 'config:write',
  getBinding: 'read',
  updateBinding: 'config:write',
  deleteBinding: 'config:write',
  listRemoteFiles: 'read',
  previewPrune: 'read',
  startRun: 'runs:write',
  listRuns: 'read',
  getRun: 'read',
  reuploadRun: 'runs:write',
  cancelRun: 'runs:write',
  retryRunNow: 'runs:write',
  streamRun: 'read',
  streamAll: 'read',
  listAudit: 'read',
  getMetrics: 'read',
  getSystem: 'read',
}

describe('permissions', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const operations = () =>
    api.app.openAPIRegistry.definitions.flatMap((definition) =>
      definition.type === 'route' ? [definition.route] : [],
    )

  /** Nothing is at the IDs of the paths and no body is sent: whoever may call is told so, and nothing is changed. */
  const call = async (route: { method: string; path: string }, headers: Caller['headers']) => {
    const path = route.path.replaceAll(/\{.+?\}/g, '00000000-0000-4000-8000-000000000000')
    const answer = await api.app.request(path, { method: route.method.toUpperCase(), headers })
    await answer.body?.cancel()
    return answer.status
  }

  it('the expected permission of every operation is known', () => {
    assert.deepEqual(
      operations()
        .map(({ operationId }) => operationId)
        .sort(),
      Object.keys(EXPECTED).sort(),
    )
  })

  it('only the public operations work without a login', async () => {
    for (const route of operations()) {
      const status = await call(route, {})
      const open = EXPECTED[route.operationId ?? ''] === 'anybody'
      assert.equal(status === 401, !open, `${route.operationId} answers ${status} to nobody`)
    }
  })

  it('every role and every scope may call exactly the operations of its permissions', async () => {
    for (const caller of [...(await byRole(api)), ...(await byScope(api))]) {
      for (const route of operations()) {
        const id = route.operationId ?? ''
        // It would end the session that the other calls need.
        if (id === 'logOut') continue
        const needed = EXPECTED[id]
        const may =
          needed === 'anybody' || needed === 'own' || caller.permissions.some((one) => one === needed)
        const status = await call(route, caller.headers)
        // What is one's own is refused to tokens, which have no password and no session.
        if (needed === 'own' && status === 403) continue
        assert.notEqual(status, 401, `${caller.name}: ${id}`)
        assert.equal(status === 403, !may, `${caller.name}: ${id} answers ${status}`)
      }
    }
  })
})
