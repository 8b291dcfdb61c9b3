// Tokens for programs. Only the SHA-256 is kept: the token itself is shown once, when it is made.

import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import { DbConflict, withConflicts } from './conflict.ts'
import { type DbOrTransaction, newId } from './database.ts'
import type { ApiTokensTable } from './schema.ts'

const columns = ['id', 'name', 'scopes', 'created_by', 'created_at', 'expires_at', 'last_used_at'] as const

/** Without its hash. */
export type ApiToken = Pick<Selectable<ApiTokensTable>, (typeof columns)[number]>

export type NewApiToken = {
  readonly name: string
  readonly token_hash: string
  readonly scopes: readonly string[]
  readonly created_by: string
  readonly expires_at: string | null
}

/** Throws DbConflict `duplicate`. */
export async function createApiToken(db: DbOrTransaction, values: NewApiToken): Promise<ApiToken> {
  return withConflicts(
    { api_tokens_name_unique: () => new DbConflict('duplicate', 'name', 'Another token has this name.') },
    () =>
      db
        .insertInto('api_tokens')
        .values({ id: newId(), ...values, scopes: JSON.stringify(values.scopes) })
        .returning(columns)
        .executeTakeFirstOrThrow(),
  )
}

/** By name: there are few. */
export async function listApiTokens(db: DbOrTransaction): Promise<readonly ApiToken[]> {
  return db.selectFrom('api_tokens').select(columns).orderBy('name').execute()
}

/** The token of this hash, unless it has expired; its use is noted to the minute. */
export async function useApiToken(db: DbOrTransaction, tokenHash: string): Promise<ApiToken | null> {
  const token = await db
    .selectFrom('api_tokens')
    .select(columns)
    .where('token_hash', '=', tokenHash)
    .where(sql<boolean>`(expires_at is null or expires_at > now())`)
    .executeTakeFirst()
  if (token === undefined) return null
  await db
    .updateTable('api_tokens')
    .set({ last_used_at: sql<string>`now()` })
    .where('id', '=', token.id)
    .where(sql<boolean>`(last_used_at is null or last_used_at < now() - interval '1 minute')`)
    .execute()
  return token
}

/** The token that was deleted; null when there is no such token. */
export async function deleteApiToken(db: DbOrTransaction, id: string): Promise<ApiToken | null> {
  return (
    (await db.deleteFrom('api_tokens').where('id', '=', id).returning(columns).executeTakeFirst()) ?? null
  )
}
