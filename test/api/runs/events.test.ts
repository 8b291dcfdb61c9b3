// Streams of changes over real HTTP: what comes, how often, and that nothing stays when a client has gone.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { type Api, startApi } from '../../../api/server.ts'
import { connectTemporal } from '../../../api/temporal/client.ts'
import { deleteApiToken } from '../../../db/access/api-tokens.ts'
import { loadConfig } from '../../../db/process/config.ts'
import { createLogger } from '../../../db/process/log.ts'
import { beginSync, saveDestination } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import type { Run } from '../../../db/schema.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { pendingDestination, someInstance, someRun, testVault } from '../../support/rows.ts'
import { until } from '../../support/until.ts'

const TOKEN = 'token-of-the-events-test'

type StreamEvent = { readonly event: string; readonly data: Record<string, unknown> }

describe('an event stream', () => {
  let database: TestDatabase
  let api: Api
  before(async () => {
    database = await createTestDatabase()
    const config = loadConfig({ API_TOKEN: TOKEN, PORT: '0', ADMIN_PASSWORD: 'not used here' })
    const log = createLogger({ logLevel: 'silent' })
    const temporal = connectTemporal({ address: '127.0.0.1:1', taskQueue: 'none' })
    api = await startApi({ config, db: database.db, temporal, vault: testVault, log })
  })
  after(async () => {
    await api.stop()
    await database.close()
  })

  const watch = async (path: string) => {
    const aborter = new AbortController()
    const answer = await fetch(`${api.url}${path}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      signal: aborter.signal,
    })
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/)
    const events: StreamEvent[] = []
    const reading = readEvents(answer, events)
    return {
      events,
      ended: reading,
      next: (count: number) => until(`event ${count}`, async () => events[count - 1] ?? null),
      async leave() {
        aborter.abort()
        await reading
      },
    }
  }
  const openStreams = async () => {
    const answer = await fetch(`${api.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })
    return Number(/^cloud_sync_event_streams (\d+)$/m.exec(await answer.text())?.[1])
  }
  const openRun = async (): Promise<Run> => {
    const run = await someRun(database.db)
    return beginSync(database.db, run.id, { a1: pendingDestination() })
  }

  it('the stream of a run begins with its status and continues with each change, at most one per second', async () => {
    const run = await openRun()
    const startedAt = Date.now()
    const stream = await watch(`/api/runs/${run.id}/events`)
    const first = await stream.next(1)
    assert.equal(first.event, 'status')
    assert.deepEqual(first.data.cloud_sync_status, run.cloud_sync_status)
    assert.equal(first.data.cloud_status, 'pending')
    for (let sent = 1; sent <= 30; sent += 1) {
      await saveDestination(database.db, run.id, 'a1', { status: 'uploading', bytes_sent: sent, attempt: 1 })
    }
    await finishSync(database.db, run.id, 'failed')
    await until('the last state has come', async () =>
      stream.events.at(-1)?.data.cloud_status === 'failed' ? true : null,
    )
    const seconds = (Date.now() - startedAt) / 1000
    assert.ok(stream.events.length <= seconds + 2, `${stream.events.length} events in ${seconds} s`)
    await stream.leave()
  })

  it('the stream of all changes sends runs, instances, accounts and bindings', async () => {
    const stream = await watch('/api/events')
    const instance = await someInstance(database.db)
    const setup = await stream.next(1)
    assert.deepEqual(
      [setup.event, setup.data],
      ['setup', { kind: 'instance', id: instance.slug, change: 'insert' }],
    )
    const run = await openRun()
    const told = await until(
      'the run is told',
      async () => stream.events.find(({ event }) => event === 'run') ?? null,
    )
    assert.equal(told.data.id, run.id)
    assert.equal(told.data.instance, run.instance_slug)
    await stream.leave()
  })

  it('streams leave nothing behind when clients vanish', async () => {
    const run = await openRun()
    const streams = await Promise.all(Array.from({ length: 20 }, () => watch(`/api/runs/${run.id}/events`)))
    await Promise.all(streams.map((stream) => stream.next(1)))
    const socket = connect(api.port, '127.0.0.1')
    socket.write(`GET /api/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`)
    await until('all are watching', async () => ((await openStreams()) === 21 ? true : null))
    socket.resetAndDestroy()
    await Promise.all(streams.map((stream) => stream.leave()))
    await until('nobody is watching', async () => ((await openStreams()) === 0 ? true : null))
  })

  it('a stream continues after the database dropped the connection, with what was missed', async () => {
    const run = await openRun()
    const all = await watch('/api/events')
    const one = await watch(`/api/runs/${run.id}/events`)
    await one.next(1)
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where query ilike 'listen %' and datname = current_database()`.execute(database.db)
    await saveDestination(database.db, run.id, 'a1', { bytes_sent: 77 })
    await until('a resync is told', async () => all.events.find(({ event }) => event === 'resync') ?? null)
    const missed = await one.next(2)
    const status = missed.data.cloud_sync_status as Record<string, { bytes_sent: number }>
    assert.equal(status.a1?.bytes_sent, 77)
    await one.leave()
    await all.leave()
  })

  it('a stream needs a login and a run that exists', async () => {
    const run = await openRun()
    assert.equal((await fetch(`${api.url}/api/runs/${run.id}/events`)).status, 401)
    assert.equal((await fetch(`${api.url}/api/events`)).status, 401)
    const answer = await fetch(`${api.url}/api/runs/none/events`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    assert.equal(answer.status, 404)
  })

  it('a stream ends when the server stops', async () => {
    const stream = await watch('/api/events')
    await api.stop()
    await stream.ended
    await assert.rejects(fetch(`${api.url}/healthz`))
    assert.equal(await deleteApiToken(database.db, 'the database stays open'), null)
  })
})

/** Resolves when the stream ends, whoever ended it. */
async function readEvents(answer: Response, events: StreamEvent[]): Promise<void> {
  let text = ''
  try {
    for await (const chunk of answer.body ?? []) {
      text += Buffer.from(chunk).toString('utf8')
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = /^event: (.*)$/m.exec(block)?.[1]
        const data = /^data: (.*)$/m.exec(block)?.[1]
        if (event !== undefined && data !== undefined) {
          events.push({ event, data: JSON.parse(data) })
        }
      }
    }
  } catch (error) {
    assert.ok(error instanceof Error && error.name === 'AbortError', String(error))
  }
}
