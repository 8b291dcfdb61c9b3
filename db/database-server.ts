// What is asked of the PostgreSQL server itself and not of our tables.

import { sql } from 'kysely'
import type { DbOrTransaction } from './database.ts'

/**
 * Milliseconds since 1970, of this moment also within a transaction. What is compared with times that the database wrote is
 * measured by its clock: the machines of a fleet need not agree with it, nor with each other.
 */
export async function databaseNow(db: DbOrTransaction): Promise<number> {
  const { rows } = await sql<{ now: string }>`select clock_timestamp() as now`.execute(db)
  return Date.parse(rows[0]?.now ?? '')
}

/** Rejects when the database does not answer a query. */
export async function pingDatabase(db: DbOrTransaction): Promise<void> {
  await sql`select 1`.execute(db)
}

/** Such as '18.4'. */
export async function serverVersion(db: DbOrTransaction): Promise<string> {
  const { rows } = await sql<{ server_version: string }>`show server_version`.execute(db)
  return rows[0]?.server_version ?? ''
}
