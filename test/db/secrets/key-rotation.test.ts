// Changing the key: what several commands at once, a database that is away and a stop in the middle may not do.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { sql } from 'kysely'
import { openDraft, saveDraft } from '../../../db/accounts/account-drafts.ts'
import { createAccount } from '../../../db/accounts/accounts.ts'
import { openAccount } from '../../../db/accounts/credentials.ts'
import { type Db, openDatabase } from '../../../db/database.ts'
import { newFernetKey } from '../../../db/secrets/fernet.ts'
import { KeyFileError, readKeyFile } from '../../../db/secrets/key-file.ts'
import { keyFingerprint } from '../../../db/secrets/key-fingerprint.ts'
import {
  dropOldKeys,
  RotationCutShort,
  resealWithFirst,
  rotateKey,
  stageKey,
} from '../../../db/secrets/key-rotation.ts'
import {
  KeyChangeUnderWay,
  withKeyFileLocked,
  withKeysLocked,
} from '../../../db/secrets/key-rotation-lock.ts'
import { countClosedRows } from '../../../db/secrets/sealed-rows.ts'
import { openVault } from '../../../db/secrets/vault.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { randomName } from '../../support/rows.ts'

const ROWS = 40
const fresh = { staged: false }

describe('changing the key', () => {
  let test: TestDatabase
  let db: Db
  let folder: string
  let path: string
  let key: string
  before(async () => {
    test = await createTestDatabase()
    db = test.db
  })
  after(() => test.close())
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-rotation-'))
    path = join(folder, 'secret.key')
    key = newFernetKey()
    await writeFile(path, `${key}\n`, { mode: 0o600 })
    await db.deleteFrom('cloud_accounts').execute()
    for (let count = 0; count < ROWS; count += 1) await account(count)
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const account = (count: number) =>
    createAccount(db, openVault([key]), {
      name: randomName('D'),
      provider: 'dropbox',
      credentials: { access_token: `${count}` },
    })
  const keysNow = async () => (await readKeyFile(path)) ?? []
  const rowsLost = async () => countClosedRows(db, openVault(await keysNow()))

  for (const [name, other] of [
    ['--drop-old', (file: string) => dropOldKeys(db, file)],
    ['another rotation', (file: string) => rotateKey(db, file, fresh)],
    ['--resume', (file: string) => resealWithFirst(db, file)],
  ] as const) {
    it(`changing the key loses no value when ${name} runs at the same moment, and reports the truth`, async () => {
      const outcomes = await Promise.allSettled([rotateKey(db, path, fresh), other(path)])
      for (const outcome of outcomes) {
        assert.ok(outcome.status === 'fulfilled' || outcome.reason instanceof KeyChangeUnderWay)
      }
      assert.equal(await rowsLost(), 0)
      const done = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
      assert.ok(done.length >= 1)
      const [rotated] = outcomes
      if (rotated.status === 'fulfilled') {
        const sealing = keyFingerprint((await keysNow())[0] ?? '')
        assert.ok(done.some((one) => 'fingerprint' in one && one.fingerprint === sealing))
      }
      const again = await resealWithFirst(db, path)
      assert.deepEqual(
        [again.left, await countClosedRows(db, openVault((await keysNow()).slice(0, 1)))],
        [0, 0],
      )
      assert.deepEqual((await readdir(folder)).sort(), ['secret.key'])
    })
  }

  it('changing the key is refused while another host changes the keys of the same database', async () => {
    const copy = join(folder, 'copy.key')
    await writeFile(copy, `${key}\n`, { mode: 0o600 })
    await withKeysLocked(db, copy, async () => {
      await assert.rejects(rotateKey(db, path, fresh), /being changed by another command on this database/)
      await assert.rejects(dropOldKeys(db, path), KeyChangeUnderWay)
      assert.deepEqual(await keysNow(), [key])
    })
    await rotateKey(db, path, fresh)
  })

  it('adding a key is refused while another command has the file, and takes over from one that was killed', async () => {
    await withKeyFileLocked(path, async () => {
      await assert.rejects(stageKey(path), new RegExp(`being changed by process ${process.pid}`))
      await assert.rejects(rotateKey(db, path, fresh), KeyChangeUnderWay)
    })
    const lock = `${path}.lock`
    await withKeyFileLocked(path, async () => {
      const mine = JSON.parse(await readFile(lock, 'utf8'))
      await writeFile(lock, JSON.stringify({ ...mine, identity: 'of an earlier boot' }))
    })
    await stageKey(path)
    assert.equal((await keysNow()).length, 2)
    await rotateKey(db, path, { staged: true })
  })

  it('changing the key leaves the file as it is while the database is away, however often it is tried', async () => {
    const away = openDatabase('postgresql://nobody:x@127.0.0.1:1/none', { log: { warn: () => {} } })
    await assert.rejects(rotateKey(away, path, fresh), /ECONNREFUSED/)
    await assert.rejects(rotateKey(away, path, fresh), /ECONNREFUSED/)
    await assert.rejects(dropOldKeys(away, path), /ECONNREFUSED/)
    await away.destroy()
    assert.deepEqual(await keysNow(), [key])
  })

  it('a change of the key that was cut short says so, keeps the old key, and is finished by --resume', async () => {
    await sql`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`.execute(
      db,
    )
    await sql`create trigger refused before update on cloud_accounts execute function refuse()`.execute(db)
    try {
      await assert.rejects(
        rotateKey(db, path, fresh),
        (error) => error instanceof RotationCutShort && /--resume/.test(error.message),
      )
    } finally {
      await sql`drop trigger refused on cloud_accounts`.execute(db)
    }
    assert.equal(await rowsLost(), 0)
    await assert.rejects(dropOldKeys(db, path), /40 sealed values still need an old key/)
    const { resealed, left } = await resealWithFirst(db, path)
    assert.deepEqual([resealed, left], [ROWS, 0])
    assert.equal((await dropOldKeys(db, path)).length, 1)
  })

  it('changing the key seals drafts of accounts anew as well, and counts those that no key opens', async () => {
    const credentials = { access_token: 'tried' }
    const draft = { name: 'D', provider: 'dropbox', credentials, settings: {} } as const
    const id = await saveDraft(db, openVault([key]), draft)
    await rotateKey(db, path, fresh)
    const newest = openVault((await keysNow()).slice(0, 1))
    assert.deepEqual((await openDraft(db, newest, id))?.credentials, credentials)

    const lost = await saveDraft(db, openVault([newFernetKey()]), draft)
    assert.equal((await resealWithFirst(db, path)).left, 1)
    await assert.rejects(dropOldKeys(db, path), KeyFileError)
    await db
      .updateTable('account_drafts')
      .set({ expires_at: '2020-01-01T00:00:00Z' })
      .where('id', '=', lost)
      .execute()
    assert.equal((await resealWithFirst(db, path)).left, 0, 'one that has expired is opened by nobody')
    const saved = await db.selectFrom('cloud_accounts').select('id').executeTakeFirstOrThrow()
    assert.notEqual(await openAccount(db, newest, saved.id), null)
  })

  it('every sealed column of the database is sealed anew', async () => {
    const { rows } = await sql<{ name: string }>`
      select table_name || '.' || column_name as name from information_schema.columns
      where table_schema = 'public' and column_name like '%sealed%' order by name`.execute(db)
    assert.deepEqual(
      rows.map(({ name }) => name),
      [
        'account_drafts.sealed_credentials',
        'cloud_accounts.sealed_credentials',
        'upload_sessions.sealed_session',
      ],
      'one that is added is to be read, counted and sealed anew in db/secrets/sealed-rows.ts',
    )
  })
})
