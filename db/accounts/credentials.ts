// Credentials of accounts: sealed in their rows, and opened for activities alone. They are never logged, and no activity
// returns them.

import { z } from 'zod'
import type { ProviderKind } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'
import type { AccountSettings } from '../schema.ts'
import type { Vault } from '../secrets/vault.ts'

export type Credentials = Readonly<Record<string, unknown>>

export type OpenAccount = {
  readonly id: string
  readonly name: string
  readonly provider: ProviderKind
  readonly settings: AccountSettings
  readonly credentials: Credentials
}

const CREDENTIALS_FIELD = 'credentials'
const credentialsSchema = z.record(z.string(), z.unknown())

/** Credentials as they may lie in a row of this ID. */
export function sealedCredentials(vault: Vault, id: string, credentials: Credentials): string {
  return vault.seal(id, CREDENTIALS_FIELD, JSON.stringify(credentials))
}

/** Throws VaultError. */
export function openCredentials(vault: Vault, id: string, sealed: string): Credentials {
  return credentialsSchema.parse(JSON.parse(vault.open(id, CREDENTIALS_FIELD, sealed)))
}

/** Null when there is no such account; throws VaultError when its credentials do not open. */
export async function openAccount(
  db: DbOrTransaction,
  vault: Vault,
  id: string,
): Promise<OpenAccount | null> {
  const row = await db.selectFrom('cloud_accounts').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return null
  const { name, provider, settings } = row
  return { id, name, provider, settings, credentials: openCredentials(vault, id, row.sealed_credentials) }
}
