// Guessing passwords: who is counted as one, behind proxies and over IPv6, what of it stands in the audit trail, and that
// the counts do not pile up.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Hono } from 'hono'
import { sql } from 'kysely'
import { hashPassword } from '../../../api/access/passwords.ts'
import type { AppEnv } from '../../../api/access/principal.ts'
import { createConnectionReader, networkOf } from '../../../api/http/client-connection.ts'
import { countAttempt, takeBackAttempt } from '../../../db/access/login-throttle.ts'
import { createUser } from '../../../db/access/users.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { randomName } from '../../support/rows.ts'
import { type ApiFixture, createApiFixture } from '../fixture.ts'

const PROXY = '10.0.0.2'

describe('the address of a client', () => {
  const readAddress = async (forwardedFor: string | null, remoteAddress = PROXY) => {
    const read = createConnectionReader(['10.0.0.0/8', 'fd00::/8'])
    const app = new Hono<AppEnv>()
    app.get('/', (c) => c.text(read(c).address))
    const headers = forwardedFor === null ? {} : { 'x-forwarded-for': forwardedFor }
    const answer = await app.request('/', { headers }, { incoming: { socket: { remoteAddress } } })
    return answer.text()
  }

  it('the address of a client is what the nearest proxy has seen, however it writes it', async () => {
    for (const [forwardedFor, address] of [
      ['9.9.9.9, 203.0.113.5', '203.0.113.5'],
      ['9.9.9.9, 203.0.113.5:41234', '203.0.113.5'],
      ['9.9.9.9, 203.0.113.5, 10.0.0.7:443', '203.0.113.5'],
      ['9.9.9.9,[2001:db8::1]:41234', '2001:db8::1'],
      ['9.9.9.9, [2001:db8::1]', '2001:db8::1'],
      ['9.9.9.9, 2001:DB8:0:0::1, fd00::7', '2001:db8::1'],
      ['9.9.9.9, ::ffff:203.0.113.5', '203.0.113.5'],
      ['9.9.9.9, [::ffff:cb00:7105]:80', '203.0.113.5'],
    ] as const) {
      assert.equal(await readAddress(forwardedFor), address, forwardedFor)
    }
  })

  it('the address of a client is the proxy when the proxy names none, and never one that the client wrote', async () => {
    for (const forwardedFor of [
      null,
      '',
      '9.9.9.9, unknown',
      '9.9.9.9, _hidden',
      '9.9.9.9, 203.0.113.5:x',
      '9.9.9.9,',
    ]) {
      assert.equal(await readAddress(forwardedFor), PROXY, forwardedFor ?? 'no header')
    }
    assert.equal(await readAddress('9.9.9.9', '203.0.113.77'), '203.0.113.77')
  })

  it('the addresses of one party count as one network', () => {
    assert.equal(networkOf('203.0.113.5'), '203.0.113.5')
    assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
    assert.equal(networkOf('2001:db8::1'), '2001:db8:0:0::/64')
    assert.equal(networkOf('::1'), '0:0:0:0::/64')
    assert.equal(networkOf('2001:db8:1:2::'), '2001:db8:1:2::/64')
    assert.equal(networkOf('unknown'), 'unknown')
  })
})

describe('guessing passwords', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const attempt = async (username: string, forwardedFor: string) => {
    const answer = await api.app.request(
      '/api/session',
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': forwardedFor },
        body: JSON.stringify({ username, password: 'wrong' }),
      },
      { incoming: { socket: { remoteAddress: PROXY } } },
    )
    return answer.status
  }
  const forget = () => sql`delete from login_throttles`.execute(api.db)
  const blocksOf = async (actor: string) => {
    const { items } = await listAudit(api.db, { event: 'login_blocked', actor, limit: 50 })
    return items.map(({ details }) => details)
  }

  it('guessing passwords is stopped for a whole IPv6 network, and behind a proxy that writes ports', async () => {
    for (const addressOf of [
      (n: number) => `[2001:db8:1:2::${n}]:${40_000 + n}`,
      (n: number) => `9.9.9.${n}, 203.0.113.5:${40_000 + n}`,
    ]) {
      const statuses: number[] = []
      for (let n = 1; n <= 22; n += 1) statuses.push(await attempt(randomName('nobody'), addressOf(n)))
      assert.deepEqual(statuses.slice(0, 20), Array(20).fill(401))
      assert.ok(statuses.slice(20).includes(429), addressOf(1))
      await forget()
    }
    assert.equal(await attempt(randomName('nobody'), '[2001:db8:1:3::1]:1'), 401)
    await forget()
  })

  it('the audit trail has each block of a login once, however many attempts it refuses', async () => {
    const username = randomName('viewer')
    await createUser(api.db, { username, password_hash: await hashPassword('x'), role: 'viewer' })
    for (let failure = 0; failure < 5; failure += 1) assert.equal(await attempt(username, '192.0.2.1'), 401)
    // As long as the test may need.
    await sql`update login_throttles set blocked_until = now() + interval '1 hour' where key = ${`user:${username}`}`.execute(
      api.db,
    )
    for (let refused = 0; refused < 5; refused += 1) assert.equal(await attempt(username, '192.0.2.1'), 429)
    const first = { address: '192.0.2.1', of: 'user', seconds: 1 }
    assert.deepEqual(await blocksOf(`user:${username}`), [first])
    await sql`update login_throttles set blocked_until = now() where key = ${`user:${username}`}`.execute(
      api.db,
    )
    assert.equal(await attempt(username, '192.0.2.1'), 401)
    assert.deepEqual(await blocksOf(`user:${username}`), [{ ...first, seconds: 2 }, first])
    await forget()
  })

  it('logins that succeed at the same moment all take their attempt back', async () => {
    const rule = { free: 100, maxSeconds: 1 }
    for (let round = 0; round < 20; round += 1) {
      const key = `address:${randomName('many')}`
      const many = Array.from({ length: 8 }, () => key)
      await Promise.all(many.map((one) => countAttempt(api.db, one, rule)))
      await Promise.all(many.map((one) => takeBackAttempt(api.db, one, { forget: false })))
    }
    assert.deepEqual(await api.db.selectFrom('login_throttles').selectAll().execute(), [])
  })

  it('counts of attempts that no longer matter are deleted', async () => {
    const old = randomName('old')
    const blocked = randomName('blocked')
    await sql`insert into login_throttles (key, failures, last_failed_at, blocked_until) values
      (${`user:${old}`}, 3, now() - interval '16 minutes', null),
      (${`user:${blocked}`}, 30, now() - interval '16 minutes', now() + interval '1 minute')`.execute(api.db)
    await attempt(randomName('nobody'), '192.0.2.2')
    const left = await api.db.selectFrom('login_throttles').select('key').execute()
    const keys = left.map(({ key }) => key)
    assert.ok(!keys.includes(`user:${old}`))
    assert.ok(keys.includes(`user:${blocked}`))
    await forget()
  })
})
