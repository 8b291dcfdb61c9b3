// Who may open and send which page: every route of the pages is called by every role, with every scope, and by nobody.
// What is expected is written here by hand, as for the API (permissions.test.ts).

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Permission } from '../../../api/access/permissions.ts'
import { someAccount, someRun, testVault } from '../../support/rows.ts'
import { byRole, byScope } from '../callers.ts'
import { type ApiFixture, createApiFixture } from '../fixture.ts'

const READ = ['read'] as const
const RUNS = ['read', 'runs:write'] as const
const CONFIG = ['read', 'config:write'] as const
const ACCOUNTS = ['read', 'accounts:write'] as const
const USERS = ['read', 'users:write'] as const

/** All of the permissions; 'anybody': without a login; 'own': whoever is logged in, for himself. */
const EXPECTED: Readonly<Record<string, readonly Permission[] | 'anybody' | 'own'>> = {
  'GET /assets/:name': 'anybody',
  'GET /login': 'anybody',
  'POST /login': 'anybody',
  'POST /logout': 'own',
  'GET /password': 'own',
  'POST /password': 'own',
  'GET /': READ,
  'GET /live/runs': READ,
  'GET /runs/:id': READ,
  'GET /runs/:id/live': READ,
  'POST /runs/:id/reupload': RUNS,
  'POST /runs/:id/cancel': RUNS,
  'POST /runs/:id/retry-now': RUNS,
  'GET /cloud': READ,
  'GET /cloud/new': ACCOUNTS,
  'POST /cloud/new': ACCOUNTS,
  'POST /cloud/test': ACCOUNTS,
  'GET /cloud/:id': READ,
  'POST /cloud/:id': ACCOUNTS,
  'POST /cloud/:id/check': RUNS,
  'POST /cloud/:id/delete': ACCOUNTS,
  'GET /instances/:slug/bindings/new': CONFIG,
  'POST /instances/:slug/bindings/new': CONFIG,
  'GET /instances/:slug/bindings/:id': CONFIG,
  'POST /instances/:slug/bindings/:id': CONFIG,
  'POST /instances/:slug/bindings/:id/enabled': CONFIG,
  'POST /instances/:slug/bindings/:id/delete': CONFIG,
  'GET /instances/:slug/bindings/:id/files': READ,
  'GET /instances': READ,
  'GET /instances/new': CONFIG,
  'POST /instances/new': CONFIG,
  'GET /instances/:slug': READ,
  'POST /instances/:slug': CONFIG,
  'POST /instances/:slug/delete': CONFIG,
  'GET /overview': READ,
  'GET /live/overview': READ,
  'GET /live/standstill': READ,
  'GET /audit': READ,
  'GET /settings': READ,
  'POST /settings/users': USERS,
  'POST /settings/users/:id': USERS,
  'POST /settings/users/:id/delete': USERS,
  'POST /settings/tokens': USERS,
  'POST /settings/tokens/:id/delete': USERS,
}

type Headers = Readonly<Record<string, string>>
describe('permissions of the pages', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const pages = () => {
    const own = api.app.routes.filter(
      ({ method, path }) => method !== 'ALL' && !/^\/(api|healthz|readyz|metrics)(\/|$)/.test(path),
    )
    return [...new Set(own.map(({ method, path }) => `${method} ${path}`))]
  }

  /** Nothing is at the IDs of the paths and no form is filled in: whoever may act is told so, and nothing is changed. */
  const call = async (page: string, headers: Headers) => {
    const [method = '', path = ''] = page.split(' ')
    const answer = await api.app.request(path.replaceAll(/:\w+/g, 'nothing-is-here'), { method, headers })
    await answer.body?.cancel()
    return answer.status
  }

  it('the expected permissions of every page are known', () => {
    assert.deepEqual(pages().sort(), Object.keys(EXPECTED).sort())
  })

  it('only the public pages can be seen without a login', async () => {
    for (const page of pages()) {
      const status = await call(page, {})
      assert.equal(status === 401, EXPECTED[page] !== 'anybody', `${page} answers ${status} to nobody`)
    }
  })

  it('every role and every scope may use exactly the pages of its permissions', async () => {
    for (const caller of [...(await byRole(api)), ...(await byScope(api))]) {
      for (const page of pages()) {
        // It would end the session that the other calls need.
        if (page === 'POST /logout') continue
        const needed = EXPECTED[page]
        const may =
          typeof needed === 'string' || needed?.every((one) => caller.permissions.includes(one)) === true
        const status = await call(page, caller.headers)
        assert.notEqual(status, 401, `${caller.name}: ${page}`)
        assert.ok(status < 500, `${caller.name}: ${page} answers ${status}`)
        assert.equal(status === 403, !may, `${caller.name}: ${page} answers ${status}`)
      }
    }
  })

  it('permissions are checked before anything is read, so a refused form shows nothing', async () => {
    const run = await someRun(api.db)
    const account = await someAccount(api.db)
    const [fingerprint = ''] = testVault.fingerprints
    const callers = await byScope(api)
    for (const [path, shown] of [
      [`/runs/${run.id}/cancel`, run.archive],
      [`/cloud/${account.id}`, account.name],
      ['/settings/tokens', fingerprint],
    ] as const) {
      for (const { name, headers } of callers.filter(({ permissions }) => !permissions.includes('read'))) {
        const answer = await api.app.request(path, { method: 'POST', headers })
        assert.equal(answer.status, 403, `${name}: ${path}`)
        assert.ok(!(await answer.text()).includes(shown), `${name}: ${path}`)
      }
    }
  })
})
