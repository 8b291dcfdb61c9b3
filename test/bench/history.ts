// `npm run bench history`: a page of 50 of the run history, by every filter, in a table of 1,000,000 runs of 200 instances.
// What is measured is the whole answer of the API without the network. Goal: below 20 ms each.

import { sql } from 'kysely'
import { createApp } from '../../api/app.ts'
import { createChangeFeed } from '../../api/runs/change-feed.ts'
import { connectTemporal } from '../../api/temporal/client.ts'
import { withoutTimeouts } from '../../db/database.ts'
import { createLogger } from '../../db/process/log.ts'
import { tableLines } from '../demo/screen/table.ts'
import { createTestDatabase } from '../support/database.ts'
import { testVault } from '../support/rows.ts'
import type { BenchContext } from './context.ts'
import { median, note, say } from './report.ts'

const RUNS = 1_000_000
const INSTANCES = 200
const ACCOUNTS = 20
const GOAL_MS = 20
const TOKEN = 'token-of-the-benchmark'

type Row = {
  readonly page: string
  readonly median: string
  readonly worst: string
  readonly verdict: string
}

export async function history({ options, atEnd }: BenchContext): Promise<void> {
  const database = await createTestDatabase({ searched: false })
  atEnd(database.close)
  const { db } = database
  note(`writing ${RUNS} runs`)
  await fill(db)
  const log = createLogger({ logLevel: 'silent' })
  const temporal = connectTemporal({ address: '127.0.0.1:1', taskQueue: 'none' })
  const feed = createChangeFeed({ db, log })
  atEnd(feed.stop)
  atEnd(() => temporal.close())
  const config = { taskQueue: 'none', apiToken: TOKEN, trustedProxies: [] }
  const app = createApp({ db, vault: testVault, temporal, log, config, feed, healer: { wake: () => {} } })

  const read = async (query: string) => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const startedAt = performance.now()
    const answer = await app.request(`/api/runs?limit=50${query}`, { headers })
    const body: { items: unknown[]; next_cursor: string | null } = JSON.parse(await answer.text())
    const ms = performance.now() - startedAt
    if (answer.status !== 200 || body.items.length === 0) throw new Error(`the page ${query} is empty`)
    return { ms, cursor: body.next_cursor }
  }

  const { cursor } = await read('')
  const middle = Buffer.from(JSON.stringify([momentOf(RUNS / 2), 'z'])).toString('base64url')
  const rows: Row[] = []
  for (const [page, query] of [
    ['the first', ''],
    ['the second', `&cursor=${cursor}`],
    ['from the middle', `&cursor=${middle}`],
    ['of an instance', '&instance=instance-7'],
    ['of what failed', '&status=failed'],
    ['of what failed of an instance', '&status=failed&instance=instance-7'],
    ['of an account', '&account=account-7'],
    ['of an account, from the middle', `&account=account-7&cursor=${middle}`],
    ['of a day', `&from=${momentOf(RUNS / 2)}&to=${momentOf(RUNS / 2 + 2000)}`],
  ] as const) {
    await read(query)
    const times: number[] = []
    for (let round = 0; round < options.rounds * 10; round += 1) times.push((await read(query)).ms)
    const worst = Math.max(...times)
    const middling = median(times)
    const verdict = middling < GOAL_MS ? `below ${GOAL_MS} ms` : `ABOVE ${GOAL_MS} ms`
    rows.push({ page, median: middling.toFixed(1), worst: worst.toFixed(1), verdict })
  }
  say(`a page of 50 runs out of ${RUNS.toLocaleString('en')}`)
  for (const line of tableLines(COLUMNS, rows, 120)) say(line)
}

/** One run a minute, up to now. */
function momentOf(index: number): string {
  return new Date(Date.UTC(2025, 0, 1) + index * 60_000).toISOString()
}

async function fill(db: Awaited<ReturnType<typeof createTestDatabase>>['db']): Promise<void> {
  const status = `jsonb_build_object(account, jsonb_build_object('account', account, 'provider', 'dropbox', 'binding_id',
    'b', 'status', 'uploaded', 'error', null, 'remote_path', '/odoo-backups/' || slug || '/x.dump', 'remote_id', 'id:' || n,
    'size', 123456789, 'bytes_sent', 123456789, 'hash', jsonb_build_object('algorithm', 'md5', 'value', md5(n::text)),
    'attempt', 1, 'started_at', at, 'finished_at', at, 'retention', null))`
  await withoutTimeouts(db, async (unlimited) => {
    for (const statement of [
      // A load of this size would announce every row.
      'alter table runs disable trigger user',
      'alter table destinations disable trigger user',
      `insert into instances (slug, name) select 'instance-' || n, 'Instance ' || n from generate_series(0, ${INSTANCES - 1}) n`,
      `create temporary table made as select n, 'run-' || lpad(n::text, 7, '0') as id, 'instance-' || (n % ${INSTANCES}) as slug,
        'account-' || (n / 7 % ${ACCOUNTS}) as account, timestamptz '2025-01-01 00:00Z' + n * interval '1 minute' as at,
        case when n % 97 = 0 then 'failed' else 'uploaded' end as outcome from generate_series(1, ${RUNS}) n`,
      `insert into runs (id, instance_slug, archive, workflow_id, size, cloud_status, cloud_sync_status, sync_started_at,
          sync_finished_at, created_at, updated_at)
        select id, slug, slug || '/x.dump', 'cloud-sync/' || slug || '/' || id, 123456789, outcome, ${status}, at, at, at, at
        from made`,
      `insert into destinations (run_id, account_id, account, provider, binding_id, status, error, remote_path, remote_id, size,
          bytes_sent, hash, attempt, finished_at, run_created_at)
        select id, account, account, 'dropbox', 'b', outcome, case when outcome = 'failed' then '{"code":"x"}'::jsonb end,
          '/x', 'id', 1, 1, '{}', 1, at, at from made`,
      'alter table runs enable trigger user',
      'alter table destinations enable trigger user',
      'vacuum analyze runs',
      'vacuum analyze destinations',
    ]) {
      await sql.raw(statement).execute(unlimited)
    }
  })
}

const COLUMNS = [
  { title: 'page', cell: (row: Row) => row.page },
  { title: 'median ms', align: 'right' as const, cell: (row: Row) => row.median },
  { title: 'worst ms', align: 'right' as const, cell: (row: Row) => row.worst },
  { title: '', cell: (row: Row) => row.verdict },
]
