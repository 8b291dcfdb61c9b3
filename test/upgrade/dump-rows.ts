// The rows of a database as statements, in an order that foreign keys allow and that is the same each time: what a fixture
// keeps of a version. The schema is not among it: the migrations of that version make it.

import { sql } from 'kysely'
import { escapeIdentifier, escapeLiteral } from 'pg'
import type { Db } from '../../db/database.ts'

/** Referenced tables first. */
const FIRST = ['instances', 'cloud_accounts', 'bindings', 'users', 'runs'] as const
/** The migrator's own. */
const LEFT_OUT: ReadonlySet<string> = new Set(['kysely_migration', 'kysely_migration_lock'])

/** One INSERT per table with a line per row; ends with the positions of the sequences. Times are in UTC. */
export async function dumpRows(db: Db): Promise<string> {
  return db.connection().execute(async (connection) => {
    await sql`set time zone 'UTC'`.execute(connection)
    const statements: string[] = []
    for (const table of await tableNames(connection)) {
      const columns = await columnNames(connection, table)
      const texts = columns.map((column) => sql`${sql.ref(column)}::text as ${sql.ref(column)}`)
      const order = columns.slice(0, 3).map((column) => sql.ref(`${table}.${column}`))
      const { rows } = await sql<Record<string, string | null>>`
        select ${sql.join(texts)} from ${sql.table(table)} order by ${sql.join(order)}`.execute(connection)
      const lines = rows.map((row) => `(${columns.map((column) => literal(row[column] ?? null)).join(', ')})`)
      if (lines.length === 0) continue
      const names = columns.map(escapeIdentifier).join(', ')
      statements.push(`insert into ${table} (${names}) values\n${lines.join(',\n')};`)
    }
    for (const table of ['attempts', 'audit_log']) {
      statements.push(`select setval('${table}_id_seq', (select max(id) from ${table}));`)
    }
    return `${statements.join('\n')}\n`
  })
}

function literal(value: string | null): string {
  return value === null ? 'null' : escapeLiteral(value)
}

async function tableNames(db: Db): Promise<readonly string[]> {
  const { rows } = await sql<{
    name: string
  }>`select tablename as name from pg_tables where schemaname = 'public' order by tablename`.execute(db)
  const names = rows.map(({ name }) => name).filter((name) => !LEFT_OUT.has(name))
  return [...FIRST, ...names.filter((name) => !FIRST.some((first) => first === name))]
}

async function columnNames(db: Db, table: string): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select column_name as name from information_schema.columns
    where table_schema = 'public' and table_name = ${table} order by ordinal_position`.execute(db)
  return rows.map(({ name }) => name)
}
