// What in the database is sealed, seen as a whole: whether there is any, whether the keys at hand open it, and
// sealing it anew with another key. A start that finds none of it opening must stop before it changes a thing.

import type { Db, DbOrTransaction } from './database.ts'
import { type Vault, VaultError } from './vault.ts'

type SealedRow = {
  readonly kind: 'account' | 'session'
  readonly run_id: string
  readonly account_id: string
  readonly token: string
}

/** The place that the vault checks: the account, or the run and account of an upload session. */
function place(row: SealedRow): readonly [row: string, field: string] {
  return row.kind === 'account'
    ? [row.account_id, 'credentials']
    : [`${row.run_id}/${row.account_id}`, 'session']
}

async function readSealedRows(db: DbOrTransaction): Promise<readonly SealedRow[]> {
  const accounts = await db.selectFrom('cloud_accounts').select(['id', 'sealed_credentials']).execute()
  const sessions = await db
    .selectFrom('upload_sessions')
    .select(['run_id', 'account_id', 'sealed_session'])
    .where('sealed_session', 'is not', null)
    .execute()
  return [
    ...accounts.map((row) => ({
      kind: 'account' as const,
      run_id: '',
      account_id: row.id,
      token: row.sealed_credentials,
    })),
    ...sessions.map((row) => ({
      kind: 'session' as const,
      run_id: row.run_id,
      account_id: row.account_id,
      token: row.sealed_session ?? '',
    })),
  ]
}

export async function sealedRowsExist(db: DbOrTransaction): Promise<boolean> {
  return (await readSealedRows(db)).length > 0
}

export type KeyCheck = {
  readonly opened: number
  /** IDs of accounts whose credentials must be entered again. */
  readonly unreadable_accounts: readonly string[]
}

/**
 * Throws VaultError `no_key_opens` when there are sealed rows and no key opens any of them. Where only some do not
 * open (their key was taken out of the file), the start goes on and names their accounts. Changes nothing.
 */
export async function checkKeysAgainstDatabase(db: DbOrTransaction, vault: Vault): Promise<KeyCheck> {
  const rows = await readSealedRows(db)
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
    vault.open(...place(row), row.token)
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

export type ResealResult = {
  readonly resealed: number
  /** Rows that are still not sealed with the first key: no key opens them. An old key may go at 0. */
  readonly left: number
}

/**
 * Seals everything anew with the first key. Row by row, so it may be stopped and run again, and beside running
 * uploads: a value that someone changed in the meantime is left to its writer.
 */
export async function resealAll(db: Db, vault: Vault): Promise<ResealResult> {
  let resealed = 0
  let left = 0
  for (const row of await readSealedRows(db)) {
    if (!opens(vault, row)) {
      left += 1
      continue
    }
    const [where, field] = place(row)
    const token = vault.seal(where, field, vault.open(where, field, row.token))
    const changed =
      row.kind === 'account'
        ? await replaceCredentials(db, row, token, vault)
        : await replaceSession(db, row, token)
    resealed += changed ? 1 : 0
  }
  return { resealed, left }
}

async function replaceCredentials(db: Db, row: SealedRow, token: string, vault: Vault): Promise<boolean> {
  const result = await db
    .updateTable('cloud_accounts')
    .set({ sealed_credentials: token, key_fingerprint: vault.fingerprint })
    .where('id', '=', row.account_id)
    .where('sealed_credentials', '=', row.token)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

async function replaceSession(db: Db, row: SealedRow, token: string): Promise<boolean> {
  const result = await db
    .updateTable('upload_sessions')
    .set({ sealed_session: token })
    .where('run_id', '=', row.run_id)
    .where('account_id', '=', row.account_id)
    .where('sealed_session', '=', row.token)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}
