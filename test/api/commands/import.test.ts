// `cloud-sync import odoo-backup-app` against a running program.

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { type Api, startApi } from '../../../api/server.ts'
import { connectTemporal } from '../../../api/temporal/client.ts'
import { createAccount, deleteAccount, listAccounts, updateAccount } from '../../../db/accounts/accounts.ts'
import { openAccount } from '../../../db/accounts/credentials.ts'
import type { Db } from '../../../db/database.ts'
import { listBindings } from '../../../db/instances/bindings.ts'
import { createLogger } from '../../../db/process/log.ts'
import { fernetSeal, newFernetKey } from '../../../db/secrets/fernet.ts'
import { testVault } from '../../support/rows.ts'
import { createTestSystem, type TestSystem } from '../../support/system.ts'
import { run, TOKEN } from './run-command.ts'

describe('cloud-sync import odoo-backup-app', () => {
  let system: TestSystem
  let api: Api
  let directory: string
  before(async () => {
    system = await createTestSystem([])
    directory = system.config.dataDir
    const config = {
      ...system.config,
      apiToken: TOKEN,
      port: { port: 0, asked: true },
      adminPassword: 'not used',
    }
    const log = createLogger({ logLevel: 'silent' })
    const temporal = connectTemporal({ address: system.temporal.address, taskQueue: config.taskQueue })
    api = await startApi({ config, db: system.db, temporal, vault: testVault, log })
    await makeSource(directory)
  })
  after(async () => {
    await api.stop()
    await system.close()
  })

  const importing = (...more: readonly string[]) =>
    run(
      [
        'import',
        'odoo-backup-app',
        '--database',
        join(directory, 'app.db'),
        '--key',
        join(directory, 'source.key'),
        ...more,
      ],
      { CLOUD_SYNC_URL: api.url, API_TOKEN: TOKEN },
    )

  it('an import with --dry-run shows what it would do, and does nothing', async () => {
    const { code, out, err } = await importing('--dry-run')
    assert.equal(code, 0, err)
    assert.match(out, /^instance {2}acme \(Acme\)$/m)
    assert.match(out, /^account {3}Drop \(dropbox\)$/m)
    assert.match(out, /^account {3}Drop \(2\) \(dropbox\): not made, it needs$/m)
    assert.match(out, /the key does not open its credentials/)
    assert.match(out, /settings \{ folder_id \}/)
    assert.match(out, /^binding {3}acme → Drop \/odoo-backups\/\{instance_slug\}, keeps the last 7$/m)
    assert.match(out, /instance "Bad Slug" is left out/)
    assert.ok(!out.includes('planted'))
    const { rows } = await system.db
      .selectFrom('instances')
      .select('slug')
      .execute()
      .then((found) => ({ rows: found }))
    assert.deepEqual(rows, [])
  })

  it('an import creates what is complete, and the rest once it is completed', async () => {
    const first = await importing()
    assert.equal(first.code, 1, first.err)
    assert.match(first.out, /bindings wait for their account/)
    const additions = join(directory, 'additions.json')
    const key = { type: 'service_account', client_email: 'robot@example.com', private_key: PRIVATE_KEY }
    await writeFile(
      additions,
      JSON.stringify({
        Drive: { credentials: { credentials_json: key }, settings: { folder_id: 'folder_1' } },
        'Drop (2)': { credentials: { access_token: 'planted-new' } },
        One: { settings: { drive: { user: 'backup@example.org' } } },
      }),
    )
    const second = await importing('--additions', additions)
    assert.equal(second.code, 0, second.out + second.err)
    assert.ok(!(first.out + second.out).includes('planted'))
    const bindings = await listBindings(system.db, 'acme')
    assert.deepEqual(
      bindings.map(({ remote_path, keep_last, enabled }) => ({ remote_path, keep_last, enabled })),
      [
        { remote_path: '/odoo-backups/{instance_slug}', keep_last: 7, enabled: true },
        { remote_path: '/drive', keep_last: null, enabled: true },
        { remote_path: '/one', keep_last: null, enabled: false },
      ],
    )
    assert.equal((await listBindings(system.db, 'bravo')).length, 1)
    const opened = await openAccount(system.db, testVault, bindings[0]?.account_id ?? '')
    assert.deepEqual(opened?.credentials, {
      refresh_token: 'planted-refresh',
      app_key: 'k',
      app_secret: 'planted-app',
    })
    const again = await importing('--additions', additions)
    assert.match(again.out, /^0 made/m)
  })

  it('an import changes nothing when additions name an unknown account, and says which', async () => {
    const additions = join(directory, 'misspelt.json')
    await writeFile(additions, JSON.stringify({ Dirve: { settings: { folder_id: 'planted' } }, One: {} }))
    for (const more of [[], ['--dry-run']]) {
      const { code, out, err } = await importing('--additions', additions, ...more)
      assert.deepEqual([code, out], [2, ''])
      assert.match(
        err,
        /accounts that are not there: "Dirve"; there are "Drop", "Drop \(2\)", "Drive", "One"/,
      )
      assert.ok(!err.includes('planted'))
    }
  })

  it('an import changes nothing when an account of the same name exists at another provider', async () => {
    const other = await createAccount(system.db, testVault, {
      name: 'Drop of before',
      provider: 'google_drive',
      credentials: {},
    })
    const drop = (await listAccounts(system.db, testVault)).items.find(({ name }) => name === 'Drop')
    await updateAccount(system.db, testVault, drop?.id ?? '', { name: 'Drop away' })
    await updateAccount(system.db, testVault, other.id, { name: 'Drop' })
    const before = await everything(system.db)
    const { code, err } = await importing()
    assert.equal(code, 2)
    assert.match(err, /the account "Drop" of odoo-backup-app is for dropbox, .* for google_drive: rename/)
    assert.deepEqual(await everything(system.db), before)
    await deleteAccount(system.db, other.id)
    await updateAccount(system.db, testVault, drop?.id ?? '', { name: 'Drop' })
  })

  it('an import uses an account that was completed by hand, leaves out impossible bindings, and says so', async () => {
    const database = new DatabaseSync(join(directory, 'app.db'))
    database.exec(`insert into instances values (9, 'Delta', 'delta', 'keep_last_n', 3);
      insert into instance_cloud_bindings values (91, 9, 1, 'back\\ups/{date}', 1, 0), (92, 9, 3, '/delta', 1, 0)`)
    database.close()
    const dry = await importing('--dry-run')
    assert.match(dry.out, /^refused {3}the binding of "delta" to "Drop" is not made: .*placeholders/m)
    for (const made of [2, 0]) {
      const { code, out, err } = await importing()
      assert.equal(code, 1, err)
      assert.match(out, new RegExp(`^${made} made`, 'm'))
      assert.doesNotMatch(out, /wait for their account/)
    }
    const bindings = await listBindings(system.db, 'delta')
    assert.deepEqual(
      bindings.map(({ remote_path }) => remote_path),
      ['/delta'],
    )
  })

  it('an import names the file that it cannot read', async () => {
    const text = join(directory, 'source.key')
    const database = join(directory, 'app.db')
    const importFrom = (one: string, other: string) =>
      run(['import', 'odoo-backup-app', '--database', one, '--key', other, '--dry-run'], {})
    assert.match(
      (await importFrom(text, text)).err,
      /source\.key is not the database|source\.key cannot be opened/,
    )
    assert.match((await importFrom(database, database)).err, /app\.db holds no Fernet key/)
    assert.match((await importFrom(`${database}.none`, text)).err, /app\.db\.none cannot be opened/)
    assert.equal((await readFile(database)).subarray(0, 6).toString(), 'SQLite')
  })
})

async function everything(db: Db) {
  const tables = ['instances', 'cloud_accounts', 'bindings', 'audit_log'] as const
  return Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute()))
}

const PRIVATE_KEY = '-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n'

/** A database as that program makes it, with the columns that matter here. */
async function makeSource(directory: string): Promise<void> {
  const key = newFernetKey()
  await writeFile(join(directory, 'source.key'), `${key}\n`)
  const database = new DatabaseSync(join(directory, 'app.db'))
  database.exec(`
    create table instances (id integer primary key, name text, slug text, retention_mode text, retention_value int);
    create table cloud_accounts (id integer primary key, provider text, name text, credentials_enc text, enabled int);
    create table instance_cloud_bindings (id integer primary key, instance_id int, cloud_account_id int,
      remote_folder text, enabled int, apply_retention_remotely int);
    insert into instances values (1, 'Acme', 'acme', 'keep_last_n', 7), (2, 'Bravo', 'bravo', 'older_than_days', 30),
      (3, 'Bad', 'Bad Slug', 'keep_last_n', 7);
    insert into instance_cloud_bindings values (1, 1, 1, '/odoo-backups', 1, 1), (2, 2, 1, '/odoo-backups/', 1, 1),
      (3, 1, 3, '/drive', 1, 0), (4, 1, 4, 'one', 1, 0), (5, 1, 1, '/again', 1, 0), (6, 3, 1, '/x', 1, 0);
  `)
  const insert = database.prepare('insert into cloud_accounts values (?, ?, ?, ?, ?)')
  const sealed = (credentials: object, by = key) => fernetSeal(by, JSON.stringify(credentials))
  const dropbox = {
    refresh_token: 'planted-refresh',
    app_key: 'k',
    app_secret: 'planted-app',
    access_token: 'planted-old',
  }
  insert.run(1, 'dropbox', 'Drop', sealed(dropbox), 1)
  insert.run(2, 'DROPBOX', 'Drop', sealed({ access_token: 'planted' }, newFernetKey()), 1)
  insert.run(3, 'gdrive', 'Drive', sealed({ token: 'planted', refresh_token: 'planted' }), 1)
  insert.run(
    4,
    'onedrive',
    'One',
    sealed({ client_id: 'c', client_secret: 'planted', tenant_id: 'contoso.com' }),
    0,
  )
  database.close()
}
