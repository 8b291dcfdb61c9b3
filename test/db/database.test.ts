import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { Client } from 'pg'
import { openDatabase } from '../../db/database.ts'
import { finishSync } from '../../db/runs/ending.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { someRun } from '../support/rows.ts'

describe('the database connection', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  it('the database returns bigint as a number and times as RFC 3339 in UTC, whatever the time zone of the session', async () => {
    const { rows } = await test.db.connection().execute(async (connection) => {
      await sql`set time zone 'Asia/Tokyo'`.execute(connection)
      return sql`select 9007199254740991::bigint as big, '2026-11-23T10:00:00.5+02'::timestamptz as at`.execute(
        connection,
      )
    })
    assert.deepEqual(rows, [{ big: 9_007_199_254_740_991, at: '2026-11-23T08:00:00.500Z' }])
  })

  it('a bigint that a number cannot hold is refused instead of rounded', async () => {
    await assert.rejects(sql`select 9007199254740993::bigint as big`.execute(test.db), RangeError)
  })

  it('a database whose connections were lost answers the next query', async () => {
    const warnings: string[] = []
    const db = openDatabase(test.url, { log: { warn: (_, message) => warnings.push(message) }, poolSize: 2 })
    try {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
      await sql`select pg_terminate_backend(${rows[0]?.pid ?? 0})`.execute(test.db)
      await until(() => warnings.length > 0)
      assert.deepEqual(warnings, ['a connection to the database was lost'])
      assert.deepEqual((await sql`select 1 as one`.execute(db)).rows, [{ one: 1 }])
    } finally {
      await db.destroy()
    }
  })

  it('the database announces a run when it is made and when it changes', async () => {
    const listener = new Client({ connectionString: test.url })
    const heard: (string | undefined)[] = []
    listener.on('notification', (message) => heard.push(message.payload))
    await listener.connect()
    try {
      await listener.query('listen cloud_sync_runs')
      const run = await someRun(test.db)
      await finishSync(test.db, run.id, 'none')
      await until(() => heard.length === 2)
      assert.deepEqual(heard, [run.id, run.id])
    } finally {
      await listener.end()
    }
  })
})

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'the condition did not come true in time')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
