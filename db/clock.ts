// The time of the database. What is compared with times that the database wrote is measured by its clock: the machines of a
// fleet need not agree with it, nor with each other.

import { sql } from 'kysely'
import type { DbOrTransaction } from './database.ts'

/** Milliseconds since 1970, of this moment also within a transaction. */
export async function databaseNow(db: DbOrTransaction): Promise<number> {
  const { rows } = await sql<{ now: string }>`select clock_timestamp() as now`.execute(db)
  return Date.parse(rows[0]?.now ?? '')
}
