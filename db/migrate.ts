// Brings the database to the present state at start. Any number of processes may start at once: a PostgreSQL
// advisory lock lets one migrate and the others wait for it. Migrations are named here one by one, because a
// folder scan would run whatever lies there.

import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { withoutTimeouts } from './database.ts'
import * as initial from './migrations/0001-initial.ts'
import * as access from './migrations/0002-access.ts'
import * as pages from './migrations/0003-pages.ts'
import * as foundation from './migrations/0004-foundation.ts'
import type { Database } from './schema.ts'

const migrations: Record<string, Migration> = {
  '0001-initial': initial,
  '0002-access': access,
  '0003-pages': pages,
  '0004-foundation': foundation,
}

/** Key of the advisory lock: the bytes of 'csmigrat'. Kysely's own lock begins only after it has made its tables. */
const LOCK_KEY = '7166191731551134068'

/**
 * Runs the migrations that are missing, each in the same transaction; on failure nothing is changed.
 * Resolves with the names of those that ran. Rejects when the database is newer than this program.
 */
export async function migrate(db: Kysely<Database>): Promise<readonly string[]> {
  return withoutTimeouts(db, migrateAll)
}

async function migrateAll(db: Kysely<Database>): Promise<readonly string[]> {
  return db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(LOCK_KEY)}::bigint)`.execute(trx)
    const migrator = new Migrator({ db: trx, provider: { getMigrations: async () => migrations } })
    const { error, results } = await migrator.migrateToLatest()
    if (error !== undefined) {
      throw error instanceof Error ? error : new Error('the database could not be migrated', { cause: error })
    }
    return (results ?? []).map((result) => result.migrationName)
  })
}
