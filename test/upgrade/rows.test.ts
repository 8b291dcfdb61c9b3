// The rows of an earlier version meet the migrations of today: everything is still there, and everything sealed still opens.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import type { Db } from '../../db/database.ts'
import { migrate } from '../../db/migrate.ts'
import { checkKeysAgainstDatabase, countClosedRows } from '../../db/secrets/sealed-rows.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { type Installation, layOutRows, shiftTimes } from './installation.ts'

const ROOT = '/srv/backups'
type Row = Readonly<Record<string, unknown>>

describe('the rows of f485751', () => {
  let test: TestDatabase
  let installation: Installation
  let earlier: ReadonlyMap<string, readonly Row[]>
  before(async () => {
    test = await createTestDatabase({ migrated: false })
    installation = await layOutRows(test.db, 'f485751', ROOT)
    earlier = await allRows(test.db)
    await migrate(test.db)
  })
  after(() => test.close())

  it('fill every table', () => {
    const empty = [...earlier].filter(([, rows]) => rows.length === 0).map(([table]) => table)
    // Credentials that are being tried live for minutes.
    assert.deepEqual(empty, ['account_drafts'])
  })

  it('are all there after the migrations, with the values that they had', async () => {
    const now = await allRows(test.db)
    for (const [table, rows] of earlier) {
      const columns = Object.keys(rows[0] ?? {})
      const kept = (now.get(table) ?? []).map((row) => pick(row, columns))
      assert.equal(kept.length, rows.length, table)
      const changed = rows.flatMap((row, index) => changesOf(table, row, kept[index] ?? {}))
      const cancelled = ['cancelled', 'child-cancelled'].map((name) => installation.runId(name))
      assert.deepEqual(changed.sort(), table === 'runs' ? cancelledWords(cancelled) : [])
    }
  })

  it('open with their key, all of them', async () => {
    assert.equal(await countClosedRows(test.db, installation.vault), 0)
    const { opened, unreadable_accounts } = await checkKeysAgainstDatabase(test.db, installation.vault)
    assert.deepEqual([opened > 0, unreadable_accounts], [true, []])
  })

  it('are as old as if they had been recorded an hour ago', async () => {
    const { rows } = await sql<{ created_at: string }>`
      select created_at from runs order by created_at desc limit 1`.execute(test.db)
    const ageMs = Date.now() - Date.parse(rows[0]?.created_at ?? '')
    assert.ok(ageMs > 3_590_000 && ageMs < 4_200_000, `${ageMs} ms`)
  })
})

it('times are shifted in columns and in JSON, and nothing else is', () => {
  const text = `('2026-11-29 02:01:17.7+00', '{"at": "2026-11-29T02:01:17.700Z"}', 'acme_2026-11-29.dump')`
  assert.equal(
    shiftTimes(text, 86_400_000),
    `('2026-11-30 02:01:17.700+00', '{"at": "2026-11-30T02:01:17.700Z"}', 'acme_2026-11-29.dump')`,
  )
})

async function allRows(db: Db): Promise<ReadonlyMap<string, readonly Row[]>> {
  const tables = await sql<{ name: string }>`
    select tablename as name from pg_tables
    where schemaname = 'public' and tablename not like 'kysely%' order by tablename`.execute(db)
  const found = new Map<string, readonly Row[]>()
  for (const { name } of tables.rows) {
    const { rows } = await sql<Row>`select * from ${sql.table(name)} t order by t::text`.execute(db)
    found.set(name, rows.toSorted(byText))
  }
  return found
}

/** By the key columns, which come first and which no migration changes. */
function byText(one: Row, other: Row): number {
  const text = (row: Row) => JSON.stringify(Object.values(row).slice(0, 3))
  return text(one) < text(other) ? -1 : 1
}

function pick(row: Row, columns: readonly string[]): Row {
  return Object.fromEntries(columns.map((column) => [column, row[column]]))
}

function changesOf(table: string, old: Row, kept: Row): readonly string[] {
  return Object.keys(old)
    .filter((column) => JSON.stringify(old[column]) !== JSON.stringify(kept[column]))
    .map((column) => `${table} ${String(old.id)} ${column}: ${String(old[column])} → ${String(kept[column])}`)
}

function cancelledWords(ids: readonly string[]): readonly string[] {
  return ids.map((id) => `runs ${id} cloud_status: failed → cancelled`).sort()
}
