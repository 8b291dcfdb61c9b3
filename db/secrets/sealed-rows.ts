// All sealed values of the database: whether there are any, whether the given keys open them, and sealing them anew with another
// key. A start whose keys open none of them must stop before it changes anything.

import { sql } from 'kysely'
import type { DbOrTransaction } from '../database.ts'
import { type Vault, VaultError } from './vault.ts'

/** A sealed value of any table. A table that is to hold another one needs a kind of its own here. */
type SealedRow = {
  readonly kind: 'account' | 'draft' | 'session'
  readonly run_id: string
  readonly account_id: string
  readonly token: string
}

/** What the vault checks: the account or draft, or the run and account of an upload session. */
function sealedAs(row: SealedRow): readonly [row: string, field: string] {
  return row.kind === 'session'
    ? [`${row.run_id}/${row.account_id}`, 'session']
    : [row.account_id, 'credentials']
}

/** What a start looks at, before the tables are brought up to date: nothing of a later migration than the first. */
async function readLastingRows(db: DbOrTransaction): Promise<readonly SealedRow[]> {
  const accounts = await db.selectFrom('cloud_accounts').select(['id', 'sealed_credentials']).execute()
  const sessions = await db
    .selectFrom('upload_sessions')
    .select(['run_id', 'account_id', 'sealed_session'])
    .where('sealed_session', 'is not', null)
    .execute()
  return [
    ...accounts.map((row) => credentialsOf('account', row)),
    ...sessions.map((row) => ({
      kind: 'session' as const,
      run_id: row.run_id,
      account_id: row.account_id,
      token: row.sealed_session ?? '',
    })),
  ]
}

async function readSealedRows(db: DbOrTransaction): Promise<readonly SealedRow[]> {
  const drafts = await db
    .selectFrom('account_drafts')
    .select(['id', 'sealed_credentials'])
    // An expired draft is not opened any more, whatever its key.
    .where('expires_at', '>', sql<string>`now()`)
    .execute()
  return [...(await readLastingRows(db)), ...drafts.map((row) => credentialsOf('draft', row))]
}

function credentialsOf(
  kind: 'account' | 'draft',
  row: { id: string; sealed_credentials: string },
): SealedRow {
  return { kind, run_id: '', account_id: row.id, token: row.sealed_credentials }
}

export async function sealedRowsExist(db: DbOrTransaction): Promise<boolean> {
  return (await readLastingRows(db)).length > 0
}

type KeyCheck = {
  readonly opened: number
  /** IDs of accounts whose credentials must be entered again. */
  readonly unreadable_accounts: readonly string[]
}

/**
 * Throws VaultError `no_key_opens` when there are sealed rows and no key opens any of them. Where only some do not
 * open (their key was taken out of the file), the start goes on and names their accounts. Changes nothing.
 */
export async function checkKeysAgainstDatabase(db: DbOrTransaction, vault: Vault): Promise<KeyCheck> {
  const rows = await readLastingRows(db)
  const closed = rows.filter((row) => !opens(vault, row))
  if (rows.length > 0 && closed.length === rows.length) {
    throw new VaultError(
      'no_key_opens',
      `No key of the key file (${vault.fingerprints.join(', ')}) opens any of the ${rows.length} sealed values in ` +
        'the database. Put the right key file back, or point SECRET_KEY_FILE to it. Nothing was changed.',
    )
  }
  const accounts = closed.filter((row) => row.kind === 'account').map((row) => row.account_id)
  return { opened: rows.length - closed.length, unreadable_accounts: accounts }
}

function opens(vault: Vault, row: SealedRow): boolean {
  try {
    vault.open(...sealedAs(row), row.token)
    return true
  } catch (error) {
    if (error instanceof VaultError) {
      return false
    }
    throw error
  }
}

/** Sealed values that no key of the vault opens. */
export async function countClosedRows(db: DbOrTransaction, vault: Vault): Promise<number> {
  return (await readSealedRows(db)).filter((row) => !opens(vault, row)).length
}

type ResealResult = {
  readonly resealed: number
  /** Rows that are still not sealed with the first key: no key opens them. An old key may go at 0. */
  readonly left: number
}

/**
 * Seals everything anew with the first key. Row by row, so it may be stopped and run again, and beside running
 * uploads: a value that someone changed in the meantime is left to its writer.
 */
export async function resealAll(db: DbOrTransaction, vault: Vault): Promise<ResealResult> {
  let resealed = 0
  let left = 0
  for (const row of await readSealedRows(db)) {
    if (!opens(vault, row)) {
      left += 1
      continue
    }
    const [where, field] = sealedAs(row)
    const token = vault.seal(where, field, vault.open(where, field, row.token))
    const changed = await replaceToken(db, row, token, vault)
    resealed += changed ? 1 : 0
  }
  return { resealed, left }
}

/** False when somebody else has written the value in the meantime. */
async function replaceToken(
  db: DbOrTransaction,
  row: SealedRow,
  token: string,
  vault: Vault,
): Promise<boolean> {
  const { numUpdatedRows } = await replacement(db, row, token, vault).executeTakeFirst()
  return numUpdatedRows > 0n
}

function replacement(db: DbOrTransaction, row: SealedRow, token: string, vault: Vault) {
  switch (row.kind) {
    case 'account':
      return db
        .updateTable('cloud_accounts')
        .set({ sealed_credentials: token, key_fingerprint: vault.fingerprint })
        .where('id', '=', row.account_id)
        .where('sealed_credentials', '=', row.token)
    case 'draft':
      return db
        .updateTable('account_drafts')
        .set({ sealed_credentials: token })
        .where('id', '=', row.account_id)
        .where('sealed_credentials', '=', row.token)
    case 'session':
      return db
        .updateTable('upload_sessions')
        .set({ sealed_session: token })
        .where('run_id', '=', row.run_id)
        .where('account_id', '=', row.account_id)
        .where('sealed_session', '=', row.token)
  }
}
