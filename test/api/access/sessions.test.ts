// The cookie of a login and what goes with it: which one is taken, where a login leads, what a logout leaves in the audit
// trail; and what is said of a weak API_TOKEN.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { hashPassword } from '../../../api/access/passwords.ts'
import { createApp } from '../../../api/app.ts'
import { createUser } from '../../../db/access/users.ts'
import { loadConfig } from '../../../db/process/config.ts'
import { createLogger } from '../../../db/process/log.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { randomName } from '../../support/rows.ts'
import { until } from '../../support/until.ts'
import { type ApiFixture, assertProblem, createApiFixture } from '../fixture.ts'

const PASSWORD = 'four seagulls above'

describe('a login', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const someUser = async () => {
    const username = randomName('viewer')
    await createUser(api.db, { username, password_hash: await hashPassword(PASSWORD), role: 'viewer' })
    return username
  }
  const logIn = async (username: string) => {
    const answer = await api.askAnonymously('POST', '/api/session', { username, password: PASSWORD })
    return answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  }

  it('a login is known by the cookie that fits the connection, and by no other', async () => {
    const [, value] = (await logIn(await someUser())).split('=')
    const status = async (name: string, proto: string | null) => {
      const headers = {
        cookie: `${name}=${value}`,
        ...(proto === null ? {} : { 'x-forwarded-proto': proto }),
      }
      const connection = { incoming: { socket: { remoteAddress: '10.0.0.1' } } }
      return (await api.app.request('/api/session', { headers }, connection)).status
    }
    assert.equal(await status('cloud_sync_session', null), 200)
    assert.equal(await status('__Host-cloud_sync_session', 'https'), 200)
    // A sibling host can set a cookie of this name, but none with the prefix.
    assert.equal(await status('cloud_sync_session', 'https'), 401)
    assert.equal(await status('__Host-cloud_sync_session', null), 401)
  })

  it('a login leads to any path of this site, in whatever script it is written', async () => {
    const username = await someUser()
    for (const [next, location] of [
      ['/日本', '/%E6%97%A5%E6%9C%AC'],
      ['/audit?q=größer als', '/audit?q=gr%C3%B6%C3%9Fer%20als'],
      ['/audit?q=%E6%97%A5', '/audit?q=%E6%97%A5'],
    ] as const) {
      const answer = await api.app.request('/login', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' },
        body: new URLSearchParams({ username, password: PASSWORD, next }).toString(),
      })
      assert.equal(answer.status, 303, next)
      assert.equal(answer.headers.get('location'), location)
      assert.equal(answer.headers.getSetCookie().length, 1)
    }
  })

  it('a login ends once, and the audit trail says so once', async () => {
    const username = await someUser()
    const headers = { cookie: await logIn(username), 'sec-fetch-site': 'same-origin' }
    const logOut = async () => (await api.askAnonymously('DELETE', '/api/session', undefined, headers)).status
    const waiting = async () => {
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(api.db)
      return rows[0]?.count
    }
    // Both are let in before either has ended it.
    const both = await api.db.transaction().execute(async (trx) => {
      await sql`select id from user_sessions for update`.execute(trx)
      const asked = Promise.all([logOut(), logOut()])
      await until('both wait for the session', async () => ((await waiting()) === 2 ? true : null))
      return { asked }
    })
    assert.deepEqual(await both.asked, [204, 204])
    const { items } = await listAudit(api.db, { actor: `user:${username}`, event: 'logged_out', limit: 50 })
    assert.equal(items.length, 1)
  })
})

describe('API_TOKEN', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  it('API_TOKEN is read without the newline of the file that it came from', async () => {
    const { apiToken } = loadConfig({ API_TOKEN: ' token-with-a-newline\n' })
    assert.equal(apiToken, 'token-with-a-newline')
    const app = createApp({ ...api, config: { ...api.config, apiToken } })
    const headers = { authorization: 'Bearer token-with-a-newline' }
    assert.equal((await app.request('/api/runs', { headers })).status, 200)
  })

  it('a short API_TOKEN is accepted with a warning that does not show it', async () => {
    const lines: string[] = []
    const log = createLogger({ logLevel: 'warn' }, { write: (line: string) => void lines.push(line) })
    const start = (apiToken: string) => createApp({ ...api, log, config: { ...api.config, apiToken } })
    start('sixteen-letters!')
    assert.deepEqual(lines, [])
    const app = start('fifteen-letters')
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /API_TOKEN has fewer than 16 characters/)
    assert.ok(!lines.join('').includes('fifteen-letters'))
    const headers = { authorization: 'Bearer fifteen-letters' }
    assert.equal((await app.request('/api/runs', { headers })).status, 200)
  })

  it('the hash of a password or session is no login', async () => {
    const user = await createUser(api.db, { username: randomName('user'), password_hash: 'plain' })
    const answer = await api.askAnonymously('POST', '/api/session', {
      username: user.username,
      password: 'plain',
    })
    assertProblem(answer, 401)
  })
})
