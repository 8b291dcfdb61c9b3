// Frequent queries read few rows, however old the installation is: PostgreSQL itself counts the rows that a transaction has
// fetched from a table.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql, type Transaction } from 'kysely'
import { pinsDue } from '../../db/runs/kept-archives.ts'
import type { Database } from '../../db/schema.ts'
import { rateLimitHistory } from '../../db/uploads/attempts.ts'
import { getInstanceView, listSafety } from '../../db/views/instances.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { someAccount, someInstance } from '../support/rows.ts'

const MANY = 5_000
/** Beyond what is asked for, a few rows may be looked at. */
const FEW = 50

describe('with years of history in the tables', () => {
  let test: TestDatabase
  let slug: string
  let account: string
  before(async () => {
    test = await createTestDatabase({ searched: false })
    slug = (await someInstance(test.db)).slug
    account = (await someAccount(test.db)).id
    // Runs of two instances, one every hour: none of the one has ever reached its destination, and all of the other.
    const safe = (await someInstance(test.db)).slug
    for (const [name, status] of [
      [slug, 'failed'],
      [safe, 'uploaded'],
    ] as const) {
      await sql`insert into runs (id, instance_slug, archive, workflow_id, cloud_status, sync_finished_at, created_at)
        select ${name} || n, ${name}, 'a.zip', 'w', ${status}, at, at
        from (select n, now() - make_interval(hours => n) as at from generate_series(1, ${sql.lit(MANY)}) n) made`.execute(
        test.db,
      )
    }
    await sql`insert into destinations (run_id, account_id, account, provider, binding_id, status, error, bytes_sent,
        attempt, finished_at, remote_id, remote_path, size, hash)
      select id, ${account}, 'Dropbox', 'dropbox', instance_slug, cloud_status,
        case when cloud_status = 'failed' then '{}'::jsonb end, 0, 1, created_at, id, id, 1, '{}' from runs`.execute(
      test.db,
    )
    await sql`insert into attempts (run_id, account_id, attempt, started_at, finished_at, outcome)
      select id, ${account}, 1, created_at, created_at, 'failed' from runs where instance_slug = ${slug}`.execute(
      test.db,
    )
    await sql`analyze`.execute(test.db)
  })
  after(() => test.close())

  /** Rows of the tables that the query fetched. */
  async function rowsRead(
    tables: readonly string[],
    ask: (trx: Transaction<Database>) => Promise<unknown>,
  ): Promise<number> {
    return test.db.transaction().execute(async (trx) => {
      const count = async () => {
        const { rows } = await sql<{ count: number }>`
          select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as count
          from pg_stat_xact_user_tables where relname in (${sql.join(tables)})`.execute(trx)
        return rows[0]?.count ?? 0
      }
      const before = await count()
      await ask(trx)
      return (await count()) - before
    })
  }

  it('the rate-limit history of an account reads the rows of its last day only', async () => {
    const since = new Date(Date.now() - 86_400_000).toISOString()
    const read = await rowsRead(['attempts'], (trx) => rateLimitHistory(trx, account, since))
    assert.ok(read < 24 + FEW, `${read} attempts were read`)
  })

  it('the safety of an instance that was never safe is read without a walk through its runs', async () => {
    const tables = ['runs', 'destinations']
    const one = await rowsRead(tables, (trx) => getInstanceView(trx, slug))
    assert.ok(one < FEW, `${one} rows were read`)
    const all = await rowsRead(tables, (trx) => listSafety(trx))
    assert.ok(all < FEW, `${all} rows were read for the overview`)
  })

  it('kept archives whose time is over are found by reading only those that are kept', async () => {
    const at = new Date().toISOString()
    const read = await rowsRead(['runs'], async (trx) => {
      for await (const run of pinsDue(trx, { at })) assert.fail(`${run.id} keeps nothing`)
    })
    assert.ok(read < FEW, `${read} runs were read`)
  })
})
