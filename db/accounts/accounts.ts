// Cloud accounts. Credentials go in and are sealed; db/accounts/credentials.ts opens them for the activities. No shape that
// is meant for the API has a field for them.

import { type Selectable, sql } from 'kysely'
import { z } from 'zod'
import type { ProviderKind } from '../../workflows/types.ts'
import { DbConflict, withConflicts } from '../conflict.ts'
import { type DbOrTransaction, newId } from '../database.ts'
import { decodeCursor, encodeCursor, type Page, pageSize, toPage } from '../page.ts'
import type { AccountSettings, CloudAccountsTable } from '../schema.ts'
import type { Vault } from '../secrets/vault.ts'
import { type Credentials, sealedCredentials } from './credentials.ts'

export type Account = {
  readonly id: string
  readonly name: string
  readonly provider: ProviderKind
  readonly settings: AccountSettings
  readonly has_credentials: true
  readonly credentials_hint: string | null
  /** True when no key of the key file opens the credentials: they must be entered again. */
  readonly needs_credentials: boolean
  readonly created_at: string
  readonly updated_at: string
}

const publicColumns = [
  'id',
  'name',
  'provider',
  'settings',
  'credentials_hint',
  'key_fingerprint',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof CloudAccountsTable)[]

type PublicRow = Pick<Selectable<CloudAccountsTable>, (typeof publicColumns)[number]>

function publicAccount(row: PublicRow, vault: Vault): Account {
  const { key_fingerprint, ...rest } = row
  return { ...rest, has_credentials: true, needs_credentials: !vault.fingerprints.includes(key_fingerprint) }
}

function sealCredentials(vault: Vault, id: string, credentials: Credentials) {
  return {
    sealed_credentials: sealedCredentials(vault, id, credentials),
    key_fingerprint: vault.fingerprint,
  }
}

const nameTaken = {
  cloud_accounts_name_unique: () => new DbConflict('duplicate', 'name', 'Another account has this name.'),
}

type NewAccount = {
  readonly name: string
  readonly provider: ProviderKind
  readonly credentials: Credentials
  readonly settings?: AccountSettings | undefined
  /** What people may see of the credentials, such as a client_email. */
  readonly credentials_hint?: string | null | undefined
}

export async function createAccount(db: DbOrTransaction, vault: Vault, values: NewAccount): Promise<Account> {
  const id = newId()
  const row = await withConflicts(nameTaken, () =>
    db
      .insertInto('cloud_accounts')
      .values({
        id,
        name: values.name,
        provider: values.provider,
        ...sealCredentials(vault, id, values.credentials),
        credentials_hint: values.credentials_hint ?? null,
        settings: JSON.stringify(values.settings ?? {}),
      })
      .returning(publicColumns)
      .executeTakeFirstOrThrow(),
  )
  return publicAccount(row, vault)
}

/** By name. */
export async function listAccounts(
  db: DbOrTransaction,
  vault: Vault,
  options: { readonly limit?: number; readonly cursor?: string | undefined } = {},
): Promise<Page<Account>> {
  const limit = pageSize(options.limit ?? 50)
  let query = db
    .selectFrom('cloud_accounts')
    .select(publicColumns)
    .orderBy('name')
    .limit(limit + 1)
  if (options.cursor !== undefined) {
    const [name] = decodeCursor(options.cursor, z.tuple([z.string()]))
    query = query.where('name', '>', name)
  }
  const page = toPage(await query.execute(), limit, (row) => encodeCursor([row.name]))
  return { items: page.items.map((row) => publicAccount(row, vault)), next_cursor: page.next_cursor }
}

export async function getAccount(db: DbOrTransaction, vault: Vault, id: string): Promise<Account | null> {
  const row = await db
    .selectFrom('cloud_accounts')
    .select(publicColumns)
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? null : publicAccount(row, vault)
}

export type AccountPatch = {
  readonly name?: string | undefined
  readonly credentials?: Credentials | undefined
  readonly credentials_hint?: string | null | undefined
  readonly settings?: AccountSettings | undefined
}

/** Null when there is no such account. New credentials also end a pause: it was for the old ones. */
export async function updateAccount(
  db: DbOrTransaction,
  vault: Vault,
  id: string,
  patch: AccountPatch,
): Promise<Account | null> {
  const row = await withConflicts(nameTaken, () =>
    db
      .updateTable('cloud_accounts')
      .set({
        ...(patch.name === undefined ? {} : { name: patch.name }),
        ...(patch.settings === undefined ? {} : { settings: JSON.stringify(patch.settings) }),
        ...(patch.credentials_hint === undefined ? {} : { credentials_hint: patch.credentials_hint }),
        ...(patch.credentials === undefined
          ? {}
          : { ...sealCredentials(vault, id, patch.credentials), paused_until: null, paused_reason: null }),
        updated_at: sql<string>`now()`,
      })
      .where('id', '=', id)
      .returning(publicColumns)
      .executeTakeFirst(),
  )
  return row === undefined ? null : publicAccount(row, vault)
}

/** False when there is no such account; throws DbConflict `still_referenced` while it has bindings. */
export async function deleteAccount(db: DbOrTransaction, id: string): Promise<boolean> {
  const result = await withConflicts(
    {
      bindings_account_id_fkey: () =>
        new DbConflict('still_referenced', 'id', 'The account has bindings: delete them first.'),
    },
    () => db.deleteFrom('cloud_accounts').where('id', '=', id).executeTakeFirst(),
  )
  return result.numDeletedRows > 0n
}

/** Also true of an account whose credentials do not open. */
export async function accountExists(db: DbOrTransaction, id: string): Promise<boolean> {
  const row = await db.selectFrom('cloud_accounts').select('id').where('id', '=', id).executeTakeFirst()
  return row !== undefined
}

export type AccountName = Pick<Account, 'name' | 'provider'>

/** By ID; those that do not exist are left out. */
export async function accountNames(
  db: DbOrTransaction,
  ids: readonly string[],
): Promise<ReadonlyMap<string, AccountName>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('cloud_accounts')
    .select(['id', 'name', 'provider'])
    .where('id', 'in', ids)
    .execute()
  return new Map(rows.map(({ id, name, provider }) => [id, { name, provider }]))
}
