// Credentials that are tried before they are saved ("Test connection"). An activity gets IDs and nothing else, so the
// credentials lie in the database during the trial: sealed like those of any account, and deleted afterwards. A draft that a
// crash leaves behind opens for minutes only, and the next draft removes it.

import { sql } from 'kysely'
import { z } from 'zod'
import type { ProviderKind } from '../../workflows/types.ts'
import { type DbOrTransaction, newId } from '../database.ts'
import type { AccountSettings } from '../schema.ts'
import type { Vault } from '../secrets/vault.ts'
import {
  type Credentials,
  type OpenAccount,
  openAccount,
  openCredentials,
  sealedCredentials,
} from './credentials.ts'

const LIFE_MINUTES = 15

/** No provider's credentials have this form (db/accounts/account-shapes.ts). */
const referenceSchema = z.strictObject({ of_account: z.string() })

export type AccountDraft = {
  readonly name: string
  readonly provider: ProviderKind
  /** Or those of a saved account, by its ID: they stay sealed where they are, and the activity opens them there. */
  readonly credentials: Credentials | { readonly of_account: string }
  readonly settings: AccountSettings
}

/** Resolves with the ID under which an activity opens it, as if it were an account. */
export async function saveDraft(db: DbOrTransaction, vault: Vault, draft: AccountDraft): Promise<string> {
  const id = newId()
  await db.deleteFrom('account_drafts').where('expires_at', '<', sql<string>`now()`).execute()
  await db
    .insertInto('account_drafts')
    .values({
      id,
      name: draft.name,
      provider: draft.provider,
      sealed_credentials: sealedCredentials(vault, id, draft.credentials),
      settings: JSON.stringify(draft.settings),
      expires_at: sql<string>`now() + make_interval(mins => ${LIFE_MINUTES})`,
    })
    .execute()
  return id
}

export async function deleteDraft(db: DbOrTransaction, id: string): Promise<void> {
  await db.deleteFrom('account_drafts').where('id', '=', id).execute()
}

/** Null when there is none (any more), or its account is gone. Throws VaultError. For activities only. */
export async function openDraft(db: DbOrTransaction, vault: Vault, id: string): Promise<OpenAccount | null> {
  const row = await db
    .selectFrom('account_drafts')
    .selectAll()
    .where('id', '=', id)
    .where('expires_at', '>', sql<string>`now()`)
    .executeTakeFirst()
  if (row === undefined) return null
  const { name, provider, settings } = row
  const own = openCredentials(vault, id, row.sealed_credentials)
  const reference = referenceSchema.safeParse(own)
  if (!reference.success) return { id, name, provider, settings, credentials: own }
  const account = await openAccount(db, vault, reference.data.of_account)
  if (account === null || account.provider !== provider) return null
  return { id, name, provider, settings, credentials: account.credentials }
}
