// Announcements of the database as they reach the program, also those that a newer release makes.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { openDatabase } from '../../db/database.ts'
import { createInstance } from '../../db/instances/instances.ts'
import { listenForChanges } from '../../db/notifications.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startRelay } from '../support/network/relay.ts'
import { until } from '../support/until.ts'

describe('announcements', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  it('an announcement of an unknown kind has everything read anew, and the next ones still come', async () => {
    const seen: string[] = []
    const warned: string[] = []
    const listener = listenForChanges(
      test.db,
      {
        onRun: (id) => seen.push(`run ${id}`),
        onSetup: ({ kind, id, change }) => seen.push(`${kind} ${id} ${change}`),
        onListening: () => seen.push('anything'),
      },
      { warn: (...args: readonly unknown[]) => warned.push(String(args.at(-1))) },
    )
    const seenIs = (count: number) =>
      until('it was announced', async () => (seen.length === count ? seen : null))
    try {
      await seenIs(1)
      for (const payload of ['{"kind":"user","id":"1","change":"insert"}', 'no JSON', '{}']) {
        await sql`select pg_notify('cloud_sync_setup', ${payload})`.execute(test.db)
      }
      await createInstance(test.db, { slug: 'acme', name: 'Acme' })
      await seenIs(5)
    } finally {
      await listener.stop()
    }
    assert.deepEqual(seen, ['anything', 'anything', 'anything', 'anything', 'instance acme insert'])
    assert.equal(warned.length, 3)
  })

  it('announcements come again after the connection has gone silent, although neither side has closed it', async () => {
    const url = new URL(test.url)
    const silenced: (() => void)[] = []
    const relay = await startRelay(Number(url.port), (near, far) => {
      near.pipe(far)
      silenced.push(() => {
        near.unpipe(far)
        far.unpipe(near)
      })
    })
    url.host = `127.0.0.1:${relay.port}`
    const db = openDatabase(url.href, { log: { warn: () => undefined } })
    const seen: string[] = []
    let began = 0
    const listener = listenForChanges(
      db,
      {
        onRun: () => undefined,
        onSetup: ({ id }) => seen.push(id),
        onListening: () => {
          began += 1
        },
      },
      { warn: () => undefined },
      { everyMs: 50, answerWithinMs: 500 },
    )
    try {
      await until('it listens', async () => (began === 1 ? true : null))
      for (const silence of silenced) silence()
      await until('it listens again', async () => (began === 2 ? true : null))
      await createInstance(test.db, { slug: 'silent', name: 'Silent' })
      await until('the change is announced', async () => (seen.includes('silent') ? true : null))
    } finally {
      await listener.stop()
      await db.destroy()
      await relay.close()
    }
  })
})
