// Streams and the logins behind them: one that was taken away hears nothing more, an open tab does not keep one alive,
// and no stream is left behind by a request that cannot read it.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Hono } from 'hono'
import { sql } from 'kysely'
import { stillMay } from '../../../api/access/auth.ts'
import type { AppEnv } from '../../../api/access/principal.ts'
import { newSecret, secretHash } from '../../../api/access/session-cookie.ts'
import { createApp } from '../../../api/app.ts'
import { createConnectionReader } from '../../../api/http/client-connection.ts'
import { streamEvents } from '../../../api/http/event-stream.ts'
import { createChangeFeed } from '../../../api/runs/change-feed.ts'
import { createApiToken, deleteApiToken } from '../../../db/access/api-tokens.ts'
import { createUserSession } from '../../../db/access/user-sessions.ts'
import { createUser } from '../../../db/access/users.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { pendingDestination, randomName, someRun } from '../../support/rows.ts'
import { until } from '../../support/until.ts'
import { type ApiFixture, createApiFixture, TOKEN } from '../fixture.ts'

const ELEVEN_HOURS = 11 * 3600

describe('a stream', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const connectionOf = createConnectionReader([])
  const someToken = async () => {
    const token = newSecret()
    const values = { name: randomName('token'), scopes: ['read'], expires_at: null, created_by: 'token' }
    const { id } = await createApiToken(api.db, { ...values, token_hash: secretHash(token) })
    return { id, headers: { authorization: `Bearer ${token}` } }
  }

  it('a stream ends when its login is gone, however many events it has', async () => {
    const token = await someToken()
    const app = new Hono<AppEnv>()
    app.get('/', (c) =>
      streamEvents(c, {
        log: api.log,
        heartbeatMs: 50,
        isAllowed: stillMay({ ...api, connectionOf }, c, 'read'),
        open: (mailbox) => {
          const timer = setInterval(() => mailbox.put('x', { event: 'x', data: {} }), 2)
          return () => clearInterval(timer)
        },
      }),
    )
    const stream = readStream(await app.request('/', { headers: token.headers }))
    await until('events come', async () => (stream.events.length > 0 ? true : null))
    await deleteApiToken(api.db, token.id)
    await until('the stream has ended', async () => (stream.hasEnded() ? true : null), 5_000)
  })

  it('a stream without events sends comments', async () => {
    const app = new Hono<AppEnv>()
    let asked = 0
    app.get('/', (c) =>
      streamEvents(c, {
        log: api.log,
        heartbeatMs: 5,
        isAllowed: async () => {
          asked += 1
          return asked < 4
        },
        open: () => () => undefined,
      }),
    )
    const text = await (await app.request('/')).text()
    assert.equal(text, `retry: 3000\n\n${': still here\n\n'.repeat(3)}`)
  })

  it('neither a stream nor a part of a page that renews itself counts as a use of the session', async () => {
    const run = await someRun(api.db)
    const user = await createUser(api.db, { username: randomName('u'), password_hash: 'x', role: 'viewer' })
    const secret = newSecret()
    const expires_at = new Date((await databaseNow(api.db)) + 86_400_000).toISOString()
    await createUserSession(api.db, { token_hash: secretHash(secret), user_id: user.id, expires_at })
    await sql`update user_sessions set last_seen_at = now() - make_interval(secs => ${ELEVEN_HOURS})
      where user_id = ${user.id}`.execute(api.db)
    const cookie = `cloud_sync_session=${secret}`
    const get = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
      const answer = await api.app.request(path, { headers: { cookie, ...headers } })
      assert.equal(answer.status, 200, path)
      await answer.body?.cancel()
    }
    const isIdle = async () => {
      const { rows } = await sql<{ idle: boolean }>`select last_seen_at < now() - interval '10 hours' as idle
        from user_sessions where user_id = ${user.id}`.execute(api.db)
      return rows[0]?.idle
    }
    const app = new Hono<AppEnv>()
    app.get('/', async (c) => c.json(await stillMay({ ...api, connectionOf }, c, 'read')()))
    assert.equal(await (await app.request('/', { headers: { cookie } })).json(), true)
    for (const path of ['/live/runs', '/live/overview', `/runs/${run.id}/live`, '/api/events']) {
      await get(path, { accept: 'text/event-stream' })
    }
    for (const path of ['/', '/overview']) await get(path, { 'hx-request': 'true', 'x-renewal': 'true' })
    assert.equal(await isIdle(), true)
    await get('/overview')
    assert.equal(await isIdle(), false)
  })

  it('a part of a page that a stream renews says so by a header', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    for (const [path, trigger] of [
      ['/', 'sse:renew'],
      ['/overview', 'sse:changed'],
    ] as const) {
      const page = await (await api.app.request(path, { headers })).text()
      const [tag = ''] = new RegExp(`<[^>]* hx-trigger="${trigger}"[^>]*>`).exec(page) ?? []
      assert.match(tag, /hx-headers='\{"x-renewal":"true"\}'/, path)
    }
  })

  it('HEAD opens no stream', async () => {
    const run = await someRun(api.db)
    for (const path of [
      '/api/events',
      `/api/runs/${run.id}/events`,
      '/live/runs',
      '/live/overview',
      `/runs/${run.id}/live`,
    ]) {
      const answer = await api.ask('HEAD', path)
      assert.equal(answer.status, 200, path)
      assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/, path)
      assert.equal(api.feed.watcherCount, 0, path)
    }
  })

  it('the stream of a run never goes back to an older state that took longer to read', async () => {
    const run = await beginSync(api.db, (await someRun(api.db)).id, { a1: pendingDestination() })
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let asked = 0
    // Temporal is asked about open runs alone: what is looked up of this one waits until it is long settled.
    const temporal: ApiFixture['temporal'] = {
      ...api.temporal,
      pendingActivity: async () => {
        asked += 1
        await held
        return null
      },
    }
    const feed = createChangeFeed(api)
    const app = createApp({ ...api, temporal, feed })
    const headers = { authorization: `Bearer ${TOKEN}` }
    const stream = readStream(await app.request(`/runs/${run.id}/live`, { headers }))
    await until('the open run is looked up', async () => (asked > 0 ? true : null))
    await finishSync(api.db, run.id, 'failed')
    await until('the end is shown', async () => (stream.events.some(isOver) ? true : null))
    release()
    // More than the answer that was held back has to do.
    await api.ask('GET', '/readyz')
    await feed.stop()
    await until('the stream has ended', async () => (stream.hasEnded() ? true : null))
    assert.ok(stream.events.every(isOver), 'an open run was shown after it was settled')
  })
})

const isOver = (markup: string) => !markup.includes('in progress')

/** The data of the events, as they come. */
function readStream(answer: Response): { readonly events: readonly string[]; hasEnded(): boolean } {
  assert.equal(answer.status, 200)
  const events: string[] = []
  let isOpen = true
  const read = async () => {
    let text = ''
    for await (const chunk of answer.body ?? []) {
      text += Buffer.from(chunk).toString('utf8')
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      events.push(...blocks.filter((block) => block.startsWith('event: ')))
    }
    isOpen = false
  }
  // One that breaks off has not ended: who waits for that says so.
  void read()
  return { events, hasEnded: () => !isOpen }
}
