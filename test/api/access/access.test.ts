// Who may come in and do what: logins, sessions, roles, tokens, foreign pages, proxies.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { ensureFirstAdmin } from '../../../api/access/first-admin.ts'
import { hashPassword, passwordFault, verifyPassword } from '../../../api/access/passwords.ts'
import { createUser } from '../../../db/access/users.ts'
import type { UserRole } from '../../../db/schema.ts'
import { randomName } from '../../support/rows.ts'
import { type Answer, type ApiFixture, assertProblem, at, createApiFixture, list, text } from '../fixture.ts'

const PASSWORD = 'correct horse battery'

describe('access to the API', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const someUser = async (role: UserRole, options: { must_change_password?: boolean } = {}) => {
    const username = randomName(role)
    const password_hash = await hashPassword(PASSWORD)
    return createUser(api.db, { username, password_hash, role, ...options })
  }
  const cookieOf = (answer: Answer) => (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const logIn = async (username: string, password = PASSWORD) => {
    const answer = await api.askAnonymously('POST', '/api/session', { username, password })
    assert.equal(answer.status, 201, answer.text)
    return { answer, cookie: cookieOf(answer) }
  }
  const as =
    (cookie: string) =>
    (method: string, path: string, body?: unknown, headers = {}) =>
      api.askAnonymously(method, path, body, { cookie, ...headers })

  it('the first start makes one administrator, whose password is shown once and must be changed', async () => {
    const shown: string[] = []
    await Promise.all([1, 2].map(() => ensureFirstAdmin(api.db, null, (line) => shown.push(line))))
    await ensureFirstAdmin(api.db, 'another one', (line) => shown.push(line))
    assert.equal(shown.length, 1)
    const password = /password (\S+)/.exec(shown[0] ?? '')?.[1] ?? ''
    assert.ok(!api.logged.join('').includes(password))
    const { answer, cookie } = await logIn('admin', password)
    assert.equal(answer.body.must_change_password, true)
    const ask = as(cookie)
    assertProblem(await ask('GET', '/api/runs'), 403)
    const change = (new_password: string, current_password = password) =>
      ask('PUT', '/api/session/password', { current_password, new_password })
    assert.deepEqual(assertProblem(await change('short'), 422), ['new_password'])
    assert.deepEqual(assertProblem(await change('password123'), 422), ['new_password'])
    assert.deepEqual(assertProblem(await change('my-admin-password'), 422), ['new_password'])
    assert.deepEqual(assertProblem(await change(password), 422), ['new_password'])
    assert.deepEqual(assertProblem(await change(PASSWORD, 'wrong'), 422), ['current_password'])
    const changed = await change(PASSWORD)
    assert.equal(changed.status, 200)
    assert.equal(changed.body.must_change_password, false)
    assertProblem(await ask('GET', '/api/session'), 401)
    assert.equal((await as(cookieOf(changed))('GET', '/api/runs')).status, 200)
    const events = list((await api.ask('GET', '/api/audit?actor=user%3Aadmin')).body).map(
      (entry) => entry.event,
    )
    assert.deepEqual(events, ['password_changed', 'login_failed', 'login_succeeded'])
  })

  it('a session is kept in a cookie that scripts and other sites do not get, and ends at logout', async () => {
    const { username } = await someUser('viewer')
    const { answer, cookie } = await logIn(username)
    assert.equal(answer.body.username, username)
    assert.equal(answer.body.role, 'viewer')
    assert.match(
      answer.headers.get('set-cookie') ?? '',
      /^cloud_sync_session=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/,
    )
    const ask = as(cookie)
    assert.equal((await ask('GET', '/api/session')).body.id, answer.body.id)
    assert.equal((await ask('DELETE', '/api/session')).status, 204)
    assertProblem(await ask('GET', '/api/session'), 401)
    assertProblem(await api.ask('GET', '/api/session'), 404)
    const stored = await sql<{
      found: boolean
    }>`select exists(select 1 from user_sessions where token_hash = ${
      cookie.split('=')[1] ?? ''
    }) as found`.execute(api.db)
    assert.equal(stored.rows[0]?.found, false)
  })

  it('a session ends when it was idle for too long or is too old', async () => {
    const user = await someUser('viewer')
    for (const [column, value] of [
      ['last_seen_at', "now() - interval '13 hours'"],
      ['expires_at', 'now()'],
    ] as const) {
      const { cookie } = await logIn(user.username)
      assert.equal((await as(cookie)('GET', '/api/session')).status, 200)
      await sql`update user_sessions set ${sql.ref(column)} = ${sql.raw(value)} where user_id = ${user.id}`.execute(
        api.db,
      )
      assertProblem(await as(cookie)('GET', '/api/session'), 401)
    }
  })

  it('the session cookie is for TLS alone behind a trusted proxy, and no other proxy is believed', async () => {
    const { username } = await someUser('viewer')
    const forwarded = {
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'backup.example',
    }
    const through = async (remoteAddress: string) =>
      api.app.request(
        '/api/session',
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...forwarded },
          body: JSON.stringify({ username, password: PASSWORD }),
        },
        { incoming: { socket: { remoteAddress } } },
      )
    const trusted = await through('::ffff:10.1.2.3')
    assert.match(
      trusted.headers.get('set-cookie') ?? '',
      /^__Host-cloud_sync_session=.*; HttpOnly; Secure; SameSite=Lax$/,
    )
    assert.equal(trusted.headers.get('strict-transport-security'), 'max-age=31536000')
    const direct = await through('198.51.100.7')
    assert.match(direct.headers.get('set-cookie') ?? '', /^cloud_sync_session=/)
    assert.equal(direct.headers.get('strict-transport-security'), null)
    const addresses = list((await api.ask('GET', `/api/audit?actor=user%3A${username}`)).body).map(
      (entry) => at(entry, 'details').address,
    )
    assert.deepEqual(addresses, ['198.51.100.7', '203.0.113.9'])
  })

  it('the API refuses what a page of another site makes a browser send', async () => {
    const { username } = await someUser('admin')
    const { cookie } = await logIn(username)
    const ask = as(cookie)
    const slug = randomName('acme')
    const create = (headers: Record<string, string>) => ask('POST', '/api/instances', { slug }, headers)
    assertProblem(await create({ 'sec-fetch-site': 'cross-site' }), 403)
    assertProblem(await create({ 'sec-fetch-site': 'same-site' }), 403)
    assertProblem(await create({ origin: 'https://evil.example' }), 403)
    assertProblem(await create({ origin: 'null' }), 403)
    assertProblem(await api.ask('GET', `/api/instances/${slug}`), 404)
    const own = { 'sec-fetch-site': 'same-origin', origin: 'http://localhost' }
    assert.equal((await create(own)).status, 201)
    assert.equal(
      (await ask('GET', '/api/instances', undefined, { 'sec-fetch-site': 'cross-site' })).status,
      200,
    )
    const token = await api.ask('DELETE', `/api/instances/${slug}`, undefined, {
      origin: 'https://evil.example',
    })
    assert.equal(token.status, 204, 'a token is not sent by a browser on its own')
  })

  it('a viewer may read, an operator may run, and an administrator may do everything', async () => {
    const slug = randomName('acme')
    await api.ask('POST', '/api/instances', { slug })
    const run = { instance: slug, archive: 'x/none.txt' }
    const account = { name: randomName('D'), provider: 'dropbox', credentials: { access_token: 'x' } }
    const expected: Readonly<Record<UserRole, readonly number[]>> = {
      viewer: [200, 403, 403, 403, 403, 403],
      operator: [200, 422, 404, 403, 403, 403],
      admin: [200, 422, 404, 201, 200, 200],
    }
    for (const role of ['viewer', 'operator', 'admin'] as const) {
      const { username } = await someUser(role)
      const ask = as((await logIn(username)).cookie)
      const answers = [
        await ask('GET', '/api/accounts'),
        await ask('POST', '/api/runs', run),
        await ask('POST', '/api/runs/nothing/cancel'),
        await ask('POST', '/api/accounts', account),
        await ask('PATCH', `/api/instances/${slug}`, { name: role }),
        await ask('GET', '/api/users'),
      ]
      assert.deepEqual(
        answers.map((answer) => answer.status),
        expected[role],
        role,
      )
    }
  })

  it('the login blocks a user name and an address after failures, for longer each time, and says until when', async () => {
    const { username } = await someUser('viewer')
    const attempt = (password: string) => api.askAnonymously('POST', '/api/session', { username, password })
    for (let failure = 0; failure < 5; failure += 1) assertProblem(await attempt('wrong'), 401)
    const blocked = await attempt(PASSWORD)
    assertProblem(blocked, 429)
    assert.match(blocked.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    await sql`update login_throttles set blocked_until = now() where key = ${`user:${username}`}`.execute(
      api.db,
    )
    assert.equal((await attempt(PASSWORD)).status, 201)
    const left = await sql`select 1 from login_throttles where key = ${`user:${username}`}`.execute(api.db)
    assert.equal(left.rows.length, 0)
    const unknown = await api.askAnonymously('POST', '/api/session', {
      username: 'my-own-password',
      password: 'x',
    })
    assertProblem(unknown, 401)
    assert.ok(!(await api.ask('GET', '/api/audit')).text.includes('my-own-password'))
    await sql`delete from login_throttles`.execute(api.db)
  })

  it('the login counts parallel attempts one by one', async () => {
    const { username } = await someUser('viewer')
    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        api.askAnonymously('POST', '/api/session', { username, password: 'wrong' }),
      ),
    )
    const tried = answers.filter((answer) => answer.status === 401).length
    assert.ok(tried <= 5, `${tried} attempts were let through`)
    await sql`delete from login_throttles`.execute(api.db)
  })

  it('users are created, changed and deleted, but the last administrator stays', async () => {
    const username = randomName('eve')
    const made = await api.ask('POST', '/api/users', { username, password: PASSWORD, role: 'operator' })
    assert.equal(made.status, 201, made.text)
    assert.equal(made.body.must_change_password, true)
    assert.equal(made.body.password_hash, undefined)
    const path = `/api/users/${text(made.body.id)}`
    assertProblem(await api.ask('POST', '/api/users', { username, password: PASSWORD, role: 'viewer' }), 409)
    assertProblem(
      await api.ask('POST', '/api/users', { username: 'x y', password: 'short', role: 'king' }),
      422,
    )
    const { cookie } = await logIn(username)
    const patched = await api.ask('PATCH', path, { role: 'viewer', password: 'another good one' })
    assert.equal(patched.body.role, 'viewer')
    assertProblem(await as(cookie)('GET', '/api/session'), 401)
    assert.equal((await api.ask('GET', path)).body.role, 'viewer')
    assert.equal((await api.ask('DELETE', path)).status, 204)
    assertProblem(await api.ask('GET', path), 404)
    const admins = list((await api.ask('GET', '/api/users')).body).filter((user) => user.role === 'admin')
    const [last, ...others] = admins
    for (const other of others)
      assert.equal((await api.ask('DELETE', `/api/users/${text(other.id)}`)).status, 204)
    assertProblem(await api.ask('DELETE', `/api/users/${text(last?.id)}`), 409)
    assertProblem(await api.ask('PATCH', `/api/users/${text(last?.id)}`, { role: 'viewer' }), 409)
  })

  it('the API makes tokens that may do what their scopes say, are shown once and can be deleted', async () => {
    const name = randomName('nightly')
    const made = await api.ask('POST', '/api/tokens', { name, scopes: ['runs:write'] })
    assert.equal(made.status, 201, made.text)
    const token = text(made.body.token)
    const ask = (method: string, path: string, body?: unknown) =>
      api.askAnonymously(method, path, body, { authorization: `Bearer ${token}` })
    assertProblem(await ask('GET', '/api/runs'), 403)
    assertProblem(await ask('POST', '/api/runs', { instance: 'nobody', archive: 'x.zip' }), 422)
    const listed = await api.ask('GET', '/api/tokens')
    assert.ok(!listed.text.includes(token))
    const shown = list(listed.body).find((each) => each.name === name)
    assert.equal(typeof shown?.last_used_at, 'string')
    assertProblem(await api.ask('POST', '/api/tokens', { name, scopes: ['read'] }), 409)
    assertProblem(await api.ask('POST', '/api/tokens', { name: 'x', scopes: [] }), 422)
    assertProblem(
      await api.ask('POST', '/api/tokens', {
        name: 'x',
        scopes: ['read'],
        expires_at: '2020-01-01T00:00:00Z',
      }),
      422,
    )
    const maker = await api.ask('POST', '/api/tokens', { name: randomName('maker'), scopes: ['users:write'] })
    const excess = await api.askAnonymously(
      'POST',
      '/api/tokens',
      { name: randomName('excess'), scopes: ['accounts:write'] },
      { authorization: `Bearer ${text(maker.body.token)}` },
    )
    assertProblem(excess, 403)
    assert.equal((await api.ask('DELETE', `/api/tokens/${text(made.body.id)}`)).status, 204)
    assertProblem(await ask('GET', '/api/runs'), 401)
    assertProblem(await api.ask('DELETE', `/api/tokens/${text(made.body.id)}`), 404)
    const stored = await sql<{
      text: string
    }>`select string_agg(t::text, ' ') as text from api_tokens t`.execute(api.db)
    assert.ok(!(stored.rows[0]?.text ?? '').includes(token))
  })

  it('an expired API token is refused', async () => {
    const expires_at = new Date(Date.now() + 172_800_000).toISOString()
    const made = await api.ask('POST', '/api/tokens', {
      name: randomName('short'),
      scopes: ['read'],
      expires_at,
    })
    const headers = { authorization: `Bearer ${text(made.body.token)}` }
    assert.equal((await api.askAnonymously('GET', '/api/runs', undefined, headers)).status, 200)
    await sql`update api_tokens set expires_at = now() where id = ${text(made.body.id)}`.execute(api.db)
    assertProblem(await api.askAnonymously('GET', '/api/runs', undefined, headers), 401)
  })

  it('the database keeps passwords as Argon2id with the cost that OWASP recommends', async () => {
    const hash = await hashPassword('pässword')
    assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    assert.equal(await verifyPassword('pässword', hash), true)
    assert.equal(await verifyPassword('pa\u0308ssword', hash), true, 'the same letters, written otherwise')
    assert.equal(await verifyPassword('password', hash), false)
    assert.equal(await verifyPassword('x', null), false)
    assert.equal(passwordFault('a'.repeat(257), 'admin'), 'must have at most 256 characters')
    assert.equal(passwordFault(PASSWORD, 'admin'), null)
  })
})
