// `cloud-sync rotate-key` on a database and its key file.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createAccount } from '../../../db/accounts/accounts.ts'
import { openAccount } from '../../../db/accounts/credentials.ts'
import { newFernetKey } from '../../../db/secrets/fernet.ts'
import { loadOrCreateKeys, readKeyFile } from '../../../db/secrets/key-file.ts'
import { openKeyFileVault } from '../../../db/secrets/key-file-reload.ts'
import { keyFingerprint } from '../../../db/secrets/key-fingerprint.ts'
import { withKeysLocked } from '../../../db/secrets/key-rotation-lock.ts'
import { openVault } from '../../../db/secrets/vault.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { randomName } from '../../support/rows.ts'
import { run } from './run-command.ts'

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

  it('rotate-key seals everything with a new key while the program runs, and drops the old one only then', async () => {
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

  it('rotate-key goes in two steps where hosts have copies of the file, and keeps an old key that is needed', async () => {
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

  it('rotate-key says what is missing', async () => {
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

  it('rotate-key is refused while another one is running', async () => {
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
