// What is asked of the PostgreSQL server itself and not of our tables.

import { sql } from 'kysely'
import type { DbOrTransaction } from './database.ts'

/** Rejects when the database does not answer a query. */
export async function pingDatabase(db: DbOrTransaction): Promise<void> {
  await sql`select 1`.execute(db)
}

/** Such as '18.4'. */
export async function serverVersion(db: DbOrTransaction): Promise<string> {
  const { rows } = await sql<{ server_version: string }>`show server_version`.execute(db)
  return rows[0]?.server_version ?? ''
}
