// Announcements of the database as they reach the program, also those that a newer release makes.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { createInstance } from '../../db/instances.ts'
import { listenForChanges } from '../../db/notifications.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { until } from '../support/until.ts'

describe('announcements', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  it('of an unknown kind have everything read anew, and the next ones still come', async () => {
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
})
