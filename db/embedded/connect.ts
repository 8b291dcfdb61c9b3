// Connections to the embedded PostgreSQL, before anything else uses it: the making of the database, and questions to a server
// that may be going down.

import pg from 'pg'
import { NAME } from './cluster.ts'

/** Does nothing when it is there. */
export async function createDatabase(password: string, port: number): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(password, port, 'postgres') })
  await client.connect()
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [NAME])
    if (found.rowCount === 0) await client.query(`create database ${NAME}`)
  } finally {
    await client.end()
  }
}

/** The one value that the query returns, or why there is none. Never rejects. */
export async function ask(
  password: string,
  port: number,
  query: string,
): Promise<{ value?: string; error: string }> {
  const client = new pg.Client({
    connectionString: urlOf(password, port, 'postgres'),
    connectionTimeoutMillis: 5_000,
  })
  // A server that goes down drops the connection, which is an event as well; the query itself fails.
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<string[]>({ text: query, rowMode: 'array' })
    return { value: String(rows[0]?.[0]), error: '' }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Holds the password: never log it. */
export function urlOf(password: string, port: number, database: string): string {
  return `postgres://${NAME}:${password}@127.0.0.1:${port}/${database}`
}
