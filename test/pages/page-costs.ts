// What each page costs with 100,000 runs of 500 instances in the database: the time of the server without the network, and
// the weight that goes over it. Run by `node temporal-dev/bootstrap.mjs test/pages/page-costs.ts`; it is no test, because a
// busy machine would fail it. Goals: below 50 ms and below 100 KiB compressed.

import { sql } from 'kysely'
import { createApp } from '../../api/app.ts'
import { createChangeFeed } from '../../api/runs/change-feed.ts'
import { connectTemporal } from '../../api/temporal/client.ts'
import { createAccount } from '../../db/accounts/accounts.ts'
import { type Db, withoutTimeouts } from '../../db/database.ts'
import { createLogger } from '../../db/process/log.ts'
import { createTestDatabase } from '../support/database.ts'
import { testVault } from '../support/rows.ts'
import { createTestTemporal } from '../support/temporal.ts'

const RUNS = 100_000
const INSTANCES = 500
const ACCOUNTS = 6
const ROUNDS = 15
const GOAL_MS = 50
const GOAL_BYTES = 100 * 1024
const TOKEN = 'token-of-the-measurement'

const database = await createTestDatabase({ searched: false })
const server = await createTestTemporal()
const { db } = database
const log = createLogger({ logLevel: 'error' })
const temporal = connectTemporal({ address: server.address, taskQueue: 'none' })
const feed = createChangeFeed({ db, log })
try {
  const [account = ''] = await fill(db)
  const config = { taskQueue: 'none', apiToken: TOKEN, trustedProxies: [] }
  const app = createApp({ db, vault: testVault, temporal, log, config, feed, healer: { wake: () => {} } })
  const read = async (path: string) => {
    const headers = { authorization: `Bearer ${TOKEN}`, accept: 'text/html', 'accept-encoding': 'gzip' }
    const startedAt = performance.now()
    const answer = await app.request(path, { headers })
    const bytes = (await answer.arrayBuffer()).byteLength
    const ms = performance.now() - startedAt
    if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`)
    return { ms, bytes }
  }
  const cursor = Buffer.from(
    JSON.stringify([new Date(Date.now() - 90 * 86_400_000).toISOString(), 'z']),
  ).toString('base64url')
  for (const [page, path] of [
    ['Run History', '/'],
    ['Run History, from the middle', `/?cursor=${cursor}`],
    ['Run History, failed', '/?status=failed'],
    ['Run History, of an account', `/?account=${account}`],
    ['Run History, a common search', '/?q=instance-7'],
    ['Run History, a rare search', '/?q=run-0031337'],
    ['Run History, a search in vain', '/?q=nothing-has-this-name'],
    ['Run detail', `/runs/run-${String(RUNS).padStart(7, '0')}`],
    ['Overview', '/overview'],
    ['Instances', '/instances'],
    ['Instances, a search', '/instances?q=499'],
    ['Instance Detail', '/instances/instance-7'],
    ['Cloud accounts', '/cloud'],
    ['Cloud account', `/cloud/${account}`],
    ['Audit', '/audit'],
    ['Audit, of one', '/audit?actor=user%3Aadmin'],
    ['Audit, a search in vain', '/audit?q=nothing-has-this-name'],
    ['Settings', '/settings'],
    ['Login', '/login'],
  ] as const) {
    await read(path)
    const times: number[] = []
    let weight = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const { ms, bytes } = await read(path)
      times.push(ms)
      weight = bytes
    }
    times.sort((a, b) => a - b)
    const middle = times[Math.floor(ROUNDS / 2)] ?? 0
    const verdict = middle < GOAL_MS && weight < GOAL_BYTES ? '' : '  MISSED'
    process.stdout.write(
      `${page.padEnd(34)} ${middle.toFixed(1).padStart(7)} ms (worst ${(times.at(-1) ?? 0).toFixed(1)})  ${(weight / 1024).toFixed(1).padStart(6)} KiB${verdict}\n`,
    )
  }
} finally {
  await feed.stop()
  await temporal.close()
  await server.close()
  await database.close()
}

/** Resolves with the IDs of the accounts. */
async function fill(target: Db): Promise<readonly string[]> {
  const accounts: string[] = []
  for (let index = 0; index < ACCOUNTS; index += 1) {
    const made = await createAccount(target, testVault, {
      name: `Account ${index}`,
      provider: 'dropbox',
      credentials: { access_token: 'x' },
    })
    accounts.push(made.id)
  }
  const ids = `(array['${accounts.join("','")}'])`
  const chosen = (place: number) => `${ids}[1 + (n + ${place}) % ${ACCOUNTS}]`
  const state = (place: number) => `jsonb_build_object('account', 'Account ' || (n + ${place}) % ${ACCOUNTS},
    'provider', 'dropbox', 'binding_id', slug || '-' || ${place}, 'status', case when ${place} = 0 then outcome else 'uploaded' end,
    'error', case when ${place} = 0 and outcome = 'failed' then '{"code":"storage_quota_exceeded","message":"full","retryable":false}'::jsonb end,
    'remote_path', '/odoo-backups/' || slug || '/' || id || '.dump', 'remote_id', 'id:' || n || '-${place}', 'size', 123456789,
    'bytes_sent', 123456789, 'hash', jsonb_build_object('algorithm', 'dropbox_content_hash', 'value', md5(n::text)),
    'attempt', 1, 'started_at', at, 'finished_at', at, 'retention', null)`
  const statements = [
    'alter table runs disable trigger user',
    'alter table destinations disable trigger user',
    `insert into instances (slug, name) select 'instance-' || n, 'Instance ' || n from generate_series(0, ${INSTANCES - 1}) n`,
    ...[0, 1, 2].map(
      (
        place,
      ) => `insert into bindings (id, instance_slug, account_id, remote_path, resolved_folder, keep_last)
        select 'instance-' || n || '-${place}', 'instance-' || n, ${chosen(place)}, '/odoo-backups/{instance_slug}/', '/odoo-backups/instance-' || n, 30
        from generate_series(0, ${INSTANCES - 1}) n`,
    ),
    `create temporary table made as select n, 'run-' || lpad(n::text, 7, '0') as id, 'instance-' || (n % ${INSTANCES}) as slug,
      now() - (${RUNS} - n) * interval '170 seconds' as at, case when n % 97 = 0 then 'failed' else 'uploaded' end as outcome
      from generate_series(1, ${RUNS}) n`,
    `insert into runs (id, instance_slug, archive, database, workflow_id, size, cloud_status, cloud_sync_status, sync_started_at,
        sync_finished_at, created_at, updated_at)
      select id, slug, slug || '/' || slug || '_' || to_char(at, 'YYYY-MM-DD') || '.dump', replace(slug, '-', '_'),
        'cloud-sync/' || slug || '/' || id, 123456789, outcome,
        jsonb_build_object(${[0, 1, 2].map((place) => `${chosen(place)}, ${state(place)}`).join(', ')}), at, at, at, at from made`,
    ...[0, 1, 2].map(
      (
        place,
      ) => `insert into destinations (run_id, account_id, account, provider, binding_id, status, error, remote_path, remote_id,
          size, bytes_sent, hash, attempt, finished_at, run_created_at)
        select id, ${chosen(place)}, 'Account', 'dropbox', slug || '-${place}', case when ${place} = 0 then outcome else 'uploaded' end,
          case when ${place} = 0 and outcome = 'failed' then '{"code":"storage_quota_exceeded","message":"full"}'::jsonb end,
          '/x', 'id:' || n, 123456789, 123456789, '{}', 1, at, at from made`,
    ),
    ...[0, 1, 2].map(
      (
        place,
      ) => `insert into uploaded_files (account_id, remote_id, run_id, remote_path, size, hash, uploaded_at, deleted_at)
        select ${chosen(place)}, 'id:' || n || '-${place}', id, '/x', 123456789, '{}', at,
          case when at < now() - interval '30 days' then at + interval '30 days' end from made`,
    ),
    ...['run_recorded', 'sync_started', 'upload_resumed', 'upload_verified', 'sync_finished'].map(
      (event) => `insert into audit_log (at, actor, event, instance_slug, run_id, details)
        select at, 'workflow', '${event}', slug, id, jsonb_build_object('archive', slug || '/' || id || '.dump', 'size', 123456789) from made`,
    ),
    'alter table runs enable trigger user',
    'alter table destinations enable trigger user',
    ...['runs', 'destinations', 'uploaded_files', 'audit_log', 'bindings'].map(
      (table) => `vacuum analyze ${table}`,
    ),
  ]
  await withoutTimeouts(target, async (unlimited) => {
    for (const statement of statements) await sql.raw(statement).execute(unlimited)
  })
  return accounts
}
