// The `cloud-sync` command as people and scripts run it: a process of its own against a running program.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Api, startApi } from '../../api/server.ts'
import { connectTemporal } from '../../api/temporal-client.ts'
import { createAccount, deleteAccount, listAccounts, openAccount, updateAccount } from '../../db/accounts.ts'
import { listAudit } from '../../db/audit.ts'
import { listBindings } from '../../db/bindings.ts'
import type { Db } from '../../db/database.ts'
import { fernetSeal, newFernetKey } from '../../db/fernet.ts'
import { openKeyFileVault } from '../../db/key-file-vault.ts'
import { withKeysLocked } from '../../db/key-rotation-lock.ts'
import { createLogger } from '../../db/log.ts'
import { keyFingerprint, loadOrCreateKeys, readKeyFile } from '../../db/secret-key.ts'
import { openVault } from '../../db/vault.ts'
import { EMULATORS } from '../support/clouds.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { randomName, testVault } from '../support/rows.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'

const CLI = fileURLToPath(new URL('../../api/cli.mjs', import.meta.url))
const TOKEN = 'token-of-the-command-test'

type Ended = { readonly code: number; readonly out: string; readonly err: string }

function run(args: readonly string[], env: Readonly<Record<string, string>>, cwd = tmpdir()): Promise<Ended> {
  const options = { env: { PATH: process.env.PATH, ...env }, cwd }
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], options, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err })
    })
  })
}

describe('cloud-sync upload', () => {
  let system: TestSystem
  let api: Api
  let env: Record<string, string>
  before(async () => {
    system = await createTestSystem([EMULATORS.dropbox])
    const config = {
      ...system.config,
      apiToken: TOKEN,
      port: { port: 0, asked: true },
      adminPassword: 'not used',
    }
    const log = createLogger({ logLevel: 'silent' })
    const temporal = connectTemporal({ address: system.temporal.address, taskQueue: config.taskQueue })
    api = await startApi({ config, db: system.db, temporal, vault: testVault, log })
    env = { CLOUD_SYNC_URL: api.url, API_TOKEN: TOKEN }
  })
  after(async () => {
    await api.stop()
    await system.close()
  })

  it('uploads a file named by its full path, from this folder, or from BACKUP_ROOT, and waits for the end', async () => {
    const { slug } = await system.bind()
    for (const how of ['absolute', 'from here', 'from the root']) {
      const path = await system.writeArchive(`${slug}/${randomName('day')}/x.dump`, randomBytes(30_000))
      const absolute = join(system.config.backupRoot, path)
      const file = how === 'absolute' ? absolute : how === 'from here' ? 'x.dump' : path
      const cwd = how === 'from here' ? dirname(absolute) : tmpdir()
      const { code, out, err } = await run(['upload', '--instance', slug, file, '--wait'], env, cwd)
      assert.equal(code, 0, `${how}: ${out}${err}`)
      assert.match(out, /^run [0-9a-f-]{36}: acme-/)
      assert.match(out, /uploaded to \/odoo-backups\//)
      assert.match(out, /uploaded to every destination\n$/)
    }
  })

  it('ends with 1 when a destination fails or none is bound, and says why', async () => {
    const { slug } = await system.bind({}, [])
    const path = await system.writeArchive(`${slug}/x.zip`, randomBytes(100))
    const none = await run(['upload', '--instance', slug, path, '--wait'], env)
    assert.deepEqual([none.code, /no enabled destination/.test(none.err)], [1, true], none.err)
    const bound = await system.bind()
    const archive = await system.writeArchive(`${bound.slug}/x.zip`, randomBytes(100))
    for (const cloud of system.clouds) {
      cloud.server.faults.add({ times: Number.POSITIVE_INFINITY, action: { kind: 'status', status: 401 } })
    }
    const failed = await run(
      ['upload', '--instance', bound.slug, archive, '--wait', '--run-id', randomName('r')],
      env,
    )
    for (const cloud of system.clouds) cloud.server.faults.clear()
    assert.equal(failed.code, 1, failed.out + failed.err)
    assert.match(failed.out, /failed: /)
  })

  it('ends with 2 on bad input, usage or token', async () => {
    const { slug } = await system.bind()
    const file = join(tmpdir(), 'nothing.zip')
    const cases: readonly [readonly string[], Record<string, string>, RegExp][] = [
      [['upload', '--instance', 'nobody', 'x.zip'], env, /there is no instance "nobody"/],
      [['upload', '--instance', slug, file], env, /archive/],
      [['upload', '--instance', slug], env, /one FILE/],
      [['upload', '--instance', slug, 'x.zip', '--colour'], env, /--colour/],
      [['upload', '--instance', slug, 'x.zip'], { ...env, API_TOKEN: 'wrong' }, /valid token/],
      [['upload', '--instance', slug, 'x.zip'], { CLOUD_SYNC_URL: api.url }, /API_TOKEN/],
      [['upload', '--instance', slug, 'x.zip', '--url', 'ftp://x'], env, /must be a URL/],
      [['sing'], env, /no command "sing"/],
      [[], env, /^$/],
    ]
    for (const [args, environment, message] of cases) {
      const { code, err } = await run(args, environment)
      assert.equal(code, 2, `${args.join(' ')}: ${err}`)
      assert.match(err, message)
    }
    assert.equal((await run(['help'], {})).code, 0)
  })

  it('takes the token from a file', async () => {
    const { slug } = await system.bind()
    const file = join(system.config.dataDir, 'token')
    await writeFile(file, `${TOKEN}\n`, { mode: 0o600 })
    const path = await system.writeArchive(`${slug}/x.zip`, randomBytes(100))
    const args = ['upload', '--instance', slug, path, '--url', api.url]
    assert.equal((await run([...args, '--token-file', file], {})).code, 0)
    assert.equal((await run([...args, '--token-file', `${file}.none`], {})).code, 2)
  })
})

describe('cloud-sync rotate-key', () => {
  let database: TestDatabase
  let directory: string
  let env: Record<string, string>
  before(async () => {
    database = await createTestDatabase()
    directory = await mkdtemp(join(tmpdir(), 'cloud-sync-key-'))
    env = { DATABASE_URL: database.url, DATA_DIR: directory }
  })
  after(async () => {
    await database.close()
    await rm(directory, { recursive: true, force: true })
  })

  it('seals everything with a new key while the program runs, and drops the old one only then', async () => {
    const { db } = database
    const path = join(directory, 'secret.key')
    const keys = await loadOrCreateKeys(path, { sealedRowsExist: false })
    const log = { info: () => {}, warn: () => {} }
    const running = openKeyFileVault(path, keys, log)
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) {
      const credentials = { access_token: `secret ${count}` }
      ids.push(
        (await createAccount(db, running, { name: randomName('D'), provider: 'dropbox', credentials })).id,
      )
    }
    const early = await run(['rotate-key', '--drop-old'], env)
    assert.equal(early.out, 'there was no old key\n', early.err)
    const rotated = await run(['rotate-key'], env)
    assert.equal(rotated.code, 0, rotated.err)
    const [newest = '', ...old] = (await readKeyFile(path)) ?? []
    assert.deepEqual(old, keys)
    assert.equal(
      rotated.out,
      `key ${keyFingerprint(newest)} seals now; 5 values were sealed with it, 0 are left\n`,
    )
    for (const [index, id] of ids.entries()) {
      assert.deepEqual((await openAccount(db, running, id))?.credentials, { access_token: `secret ${index}` })
      assert.deepEqual((await openAccount(db, openVault([newest]), id))?.id, id)
      await assert.rejects(openAccount(db, openVault(keys), id))
    }
    assert.equal(running.fingerprint, keyFingerprint(newest), 'the running program seals with the new key')
    const dropped = await run(['rotate-key', '--drop-old'], env)
    assert.equal(dropped.out, `dropped ${keyFingerprint(keys[0] ?? '')}\n`)
    assert.deepEqual(await readKeyFile(path), [newest])
    const { items } = await listAudit(db, { event: 'keys_rotated', limit: 10 })
    assert.equal(items.length, 3)
    assert.ok(!JSON.stringify([items, rotated, dropped]).includes(newest))
  })

  it('goes in two steps where hosts have copies of the file, and keeps an old key that is needed', async () => {
    const { db } = database
    const path = join(directory, 'secret.key')
    const [first = ''] = (await readKeyFile(path)) ?? []
    const added = await run(['rotate-key', '--add'], env)
    assert.equal(added.code, 0, added.err)
    const keys = (await readKeyFile(path)) ?? []
    assert.deepEqual([keys.length, keys[0]], [2, first])
    const refused = await run(['rotate-key', '--use-added', '--drop-old'], env)
    assert.equal(refused.code, 2)
    assert.equal((await run(['rotate-key', '--use-added'], env)).code, 0)
    assert.deepEqual(await readKeyFile(path), [keys[1], first])
    const stranger = openVault([newFernetKey()])
    const credentials = { access_token: 'x' }
    const lost = await createAccount(db, stranger, {
      name: randomName('lost'),
      provider: 'dropbox',
      credentials,
    })
    const left = await run(['rotate-key', '--resume'], env)
    assert.deepEqual([left.code, /1 are left/.test(left.out)], [1, true], left.out)
    const kept = await run(['rotate-key', '--drop-old'], env)
    assert.deepEqual([kept.code, /still need an old key/.test(kept.err)], [2, true])
    assert.equal((await readKeyFile(path))?.length, 2)
    await db.deleteFrom('cloud_accounts').where('id', '=', lost.id).execute()
  })

  it('says what is missing', async () => {
    const empty = join(directory, 'empty')
    await mkdir(empty)
    assert.match((await run(['rotate-key'], { DATA_DIR: empty })).err, /no embedded database/)
    assert.match((await run(['rotate-key'], { ...env, DATA_DIR: empty })).err, /no key file/)
    const away = await run(['rotate-key', '--resume'], {
      ...env,
      DATABASE_URL: 'postgresql://a:b@127.0.0.1:1/x',
    })
    assert.deepEqual([away.code, /cannot be reached/.test(away.err)], [3, true], away.err)
    const keys = await readKeyFile(join(directory, 'secret.key'))
    for (let tries = 0; tries < 2; tries += 1) {
      const { code } = await run(['rotate-key'], { ...env, DATABASE_URL: 'postgresql://a:b@127.0.0.1:1/x' })
      assert.equal(code, 3)
    }
    assert.deepEqual(await readKeyFile(join(directory, 'secret.key')), keys, 'no key was added in vain')
  })

  it('is refused while another one is at work', async () => {
    const path = join(directory, 'secret.key')
    const keys = await readKeyFile(path)
    await withKeysLocked(database.db, path, async () => {
      for (const step of [[], ['--drop-old'], ['--resume'], ['--add']]) {
        const { code, err } = await run(['rotate-key', ...step], env)
        assert.equal(code, 1)
        assert.match(err, /The keys are being changed by .*Nothing was changed/)
      }
    })
    assert.deepEqual(await readKeyFile(path), keys)
  })
})

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

  it('shows what it would do, and does nothing of it, with --dry-run', async () => {
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

  it('brings over what is complete, and the rest when it is completed', async () => {
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

  it('changes nothing when additions name an account that is not there, and says which', async () => {
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

  it('changes nothing when an account of the same name is there for another provider', async () => {
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

  it('takes an account that was completed here by hand, leaves out what no binding can be, and says so', async () => {
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

  it('names the file that is not what it should be', async () => {
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
