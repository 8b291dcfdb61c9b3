import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { migrate } from '../../db/migrate.ts'
import { createTestDatabase } from '../support/database.ts'

const migrateOnce = fileURLToPath(new URL('migrate-once.ts', import.meta.url))

describe('migrations', () => {
  it('migrations run once when several processes start on an empty database at the same time', async () => {
    const { url, db, close } = await createTestDatabase({ migrated: false })
    try {
      const processes = Array.from({ length: 3 }, () => fork(migrateOnce, { env: { DATABASE_URL: url } }))
      const answers = await Promise.all(
        processes.map(async (child) => {
          const exit = once(child, 'exit')
          const [message] = await once(child, 'message')
          assert.deepEqual(await exit, [0, null])
          return message
        }),
      )
      const ran = answers.flat()
      assert.ok(ran.includes('0001-initial'))
      assert.equal(new Set(ran).size, ran.length, 'no migration ran twice')
      assert.equal(answers.filter((names) => names.length > 0).length, 1, 'one process did it all')
      assert.deepEqual(await migrate(db), [])
    } finally {
      await close()
    }
  })

  it('migrations stop with an error on a database that a newer program has migrated', async () => {
    const { db, close } = await createTestDatabase()
    try {
      await sql`insert into kysely_migration (name, timestamp) values ('9999-later', '2030-01-01')`.execute(
        db,
      )
      await assert.rejects(migrate(db), /9999-later/)
    } finally {
      await close()
    }
  })
})
