import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import {
  createAccount,
  deleteAccount,
  getAccount,
  listAccounts,
  updateAccount,
} from '../../../db/accounts/accounts.ts'
import { openAccount } from '../../../db/accounts/credentials.ts'
import { DbConflict } from '../../../db/conflict.ts'
import { createBinding } from '../../../db/instances/bindings.ts'
import { newFernetKey } from '../../../db/secrets/fernet.ts'
import { checkKeysAgainstDatabase, resealAll, sealedRowsExist } from '../../../db/secrets/sealed-rows.ts'
import { openVault, VaultError } from '../../../db/secrets/vault.ts'
import { claimSession, openSession, saveSession } from '../../../db/uploads/sessions.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { someAccount, someInstance, someRun, testVault } from '../../support/rows.ts'

const vaultError = (code: string) => (error: unknown) => error instanceof VaultError && error.code === code

describe('accounts', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  it('accounts give their credentials to an activity only', async () => {
    const account = await createAccount(test.db, testVault, {
      name: 'Drive EU',
      provider: 'google_drive',
      credentials: { credentials_json: '{"private_key":"very-secret"}' },
      settings: { folder_id: 'f1' },
      credentials_hint: 'robot@project.iam',
    })
    const { rows } = await sql`select * from cloud_accounts`.execute(test.db)
    for (const seen of [account, await getAccount(test.db, testVault, account.id), rows]) {
      assert.doesNotMatch(JSON.stringify(seen), /very-secret/)
    }
    assert.deepEqual(Object.keys(account).sort(), [
      'created_at',
      'credentials_hint',
      'has_credentials',
      'id',
      'name',
      'needs_credentials',
      'provider',
      'settings',
      'updated_at',
    ])
    assert.deepEqual(await openAccount(test.db, testVault, account.id), {
      id: account.id,
      name: 'Drive EU',
      provider: 'google_drive',
      settings: { folder_id: 'f1' },
      credentials: { credentials_json: '{"private_key":"very-secret"}' },
    })
  })

  it('accounts do not open with credentials copied from another account', async () => {
    const [one, other] = [await someAccount(test.db), await someAccount(test.db)]
    await sql`update cloud_accounts set sealed_credentials =
      (select sealed_credentials from cloud_accounts where id = ${one.id}) where id = ${other.id}`.execute(
      test.db,
    )
    await assert.rejects(openAccount(test.db, testVault, other.id), vaultError('wrong_place'))
    await deleteAccount(test.db, other.id)
  })

  it('accounts keep what a change does not name', async () => {
    const account = await someAccount(test.db, { access_token: 'kept' })
    const changed = await updateAccount(test.db, testVault, account.id, { settings: { remote_path: '/x' } })
    assert.deepEqual(changed?.settings, { remote_path: '/x' })
    assert.equal(changed?.name, account.name)
    assert.deepEqual((await openAccount(test.db, testVault, account.id))?.credentials, {
      access_token: 'kept',
    })
    assert.equal(await updateAccount(test.db, testVault, 'nobody', { name: 'x' }), null)
    assert.equal(await openAccount(test.db, testVault, 'nobody'), null)
  })

  it('accounts have unique names, when made and when renamed', async () => {
    const [one, other] = [await someAccount(test.db), await someAccount(test.db)]
    const taken = (error: unknown) =>
      error instanceof DbConflict && error.kind === 'duplicate' && error.field === 'name'
    await assert.rejects(
      createAccount(test.db, testVault, { name: one.name, provider: 'dropbox', credentials: {} }),
      taken,
    )
    await assert.rejects(updateAccount(test.db, testVault, other.id, { name: one.name }), taken)
  })

  it('accounts are listed by name, page by page', async () => {
    const names: string[] = []
    let cursor: string | undefined
    do {
      const page = await listAccounts(test.db, testVault, { limit: 2, cursor })
      names.push(...page.items.map((account) => account.name))
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
    assert.equal(new Set(names).size, names.length)
    assert.ok(names.length >= 4)
  })

  it('accounts cannot be deleted while an instance is bound to them', async () => {
    const account = await someAccount(test.db)
    const instance = await someInstance(test.db)
    await createBinding(test.db, { instance_slug: instance.slug, account_id: account.id })
    await assert.rejects(
      deleteAccount(test.db, account.id),
      (error) => error instanceof DbConflict && error.kind === 'still_referenced',
    )
    assert.equal(await deleteAccount(test.db, 'nobody'), false)
  })
})

describe('sealed rows', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  it('sealed rows stop a start whose keys open none of them, and need no key when there are none', async () => {
    const stranger = openVault([newFernetKey()])
    assert.equal(await sealedRowsExist(test.db), false)
    assert.deepEqual(await checkKeysAgainstDatabase(test.db, stranger), {
      opened: 0,
      unreadable_accounts: [],
    })
    const account = await someAccount(test.db)
    assert.equal(await sealedRowsExist(test.db), true)
    await assert.rejects(checkKeysAgainstDatabase(test.db, stranger), vaultError('no_key_opens'))
    assert.deepEqual(await checkKeysAgainstDatabase(test.db, testVault), {
      opened: 1,
      unreadable_accounts: [],
    })
    assert.equal((await getAccount(test.db, stranger, account.id))?.needs_credentials, true)
    assert.equal((await getAccount(test.db, testVault, account.id))?.needs_credentials, false)
  })

  it('sealed rows are sealed anew with the first key, after which the old key may go', async () => {
    const [oldKey, newKey] = [newFernetKey(), newFernetKey()]
    const before = openVault([oldKey])
    const account = await createAccount(test.db, before, {
      name: 'rotated',
      provider: 'onedrive',
      credentials: { client_secret: 'x' },
    })
    const run = await someRun(test.db)
    const target = { remote_folder: '/f', remote_name: 'a.dump', archive_size: 1, archive_mtime_ns: '1' }
    const claim = await claimSession(test.db, run.id, account.id, target)
    const session = { created_at: '2026-11-23T10:00:00.000Z' }
    await saveSession(test.db, before, claim, session)

    const result = await resealAll(test.db, openVault([newKey, oldKey]))
    assert.deepEqual(result, { resealed: 2, left: 1 }, 'one account of the other test has another key')
    const after = openVault([newKey])
    assert.deepEqual((await openAccount(test.db, after, account.id))?.credentials, { client_secret: 'x' })
    assert.equal((await getAccount(test.db, after, account.id))?.needs_credentials, false)
    const row = await claimSession(test.db, run.id, account.id, target)
    assert.deepEqual(openSession(after, row), session)
    const check = await checkKeysAgainstDatabase(test.db, after)
    assert.equal(check.opened, 2)
    assert.equal(check.unreadable_accounts.length, 1)
  })
})

describe('the vault', () => {
  it('a vault opens with any of its keys, and only in the row and field that it sealed for', () => {
    const [one, two] = [newFernetKey(), newFernetKey()]
    const token = openVault([two]).seal('row', 'field', 'value')
    const vault = openVault([one, two])
    assert.equal(vault.open('row', 'field', token), 'value')
    assert.throws(() => vault.open('row', 'other', token), vaultError('wrong_place'))
    assert.throws(() => vault.open('other', 'field', token), vaultError('wrong_place'))
    assert.throws(() => openVault([one]).open('row', 'field', token), vaultError('no_key_opens'))
    assert.equal(vault.fingerprint, vault.fingerprints[0])
  })
})
