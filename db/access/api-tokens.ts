// Tokens for programs. Only the SHA-256 is kept: the token itself is shown once, when it is made. Each token knows its maker: a
// person's token may do no more than that person may do now, and nothing once the person is deleted.

import type { ExpressionBuilder, Selectable } from 'kysely'
import { sql } from 'kysely'
import { DbConflict, withConflicts } from '../conflict.ts'
import { type DbOrTransaction, newId } from '../database.ts'
import type { ApiTokensTable, Database, UserRole } from '../schema.ts'

const columns = ['id', 'name', 'scopes', 'created_by', 'created_at', 'expires_at', 'last_used_at'] as const

/** Without its hash. */
export type ApiToken = Pick<Selectable<ApiTokensTable>, (typeof columns)[number]>

/** Who stands behind a token now: a person of this role, one who was deleted, or a program that answers for itself. */
type TokenMaker = UserRole | 'deleted' | 'program'

export type MadeApiToken = ApiToken & { readonly maker: TokenMaker }

type NewApiToken = {
  readonly name: string
  readonly token_hash: string
  readonly scopes: readonly string[]
  /** `makerOf` of the actor and of who stands behind it. */
  readonly created_by: string
  readonly expires_at: string | null
}

const PERSON = 'user:'

/**
 * How the maker is written down. `actor` is who asks; `behind` is the person whose token asks, so that a token that was made
 * by a person's token does not outlive that person either.
 */
export function makerOf(actor: string, behind: string | null): string {
  return behind === null || behind === actor ? actor : `${behind} by ${actor}`
}

/** The person of a maker as an actor ('user:maria'); null where it is a program. User names have no space in them. */
export function personBehind(createdBy: string): string | null {
  return createdBy.startsWith(PERSON) ? (createdBy.split(' ', 1)[0] ?? null) : null
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
export async function listApiTokens(db: DbOrTransaction): Promise<readonly MadeApiToken[]> {
  return db.selectFrom('api_tokens').select(columns).select(maker).orderBy('name').execute()
}

export async function getApiToken(db: DbOrTransaction, id: string): Promise<MadeApiToken | null> {
  const token = await db
    .selectFrom('api_tokens')
    .select(columns)
    .select(maker)
    .where('id', '=', id)
    .executeTakeFirst()
  return token ?? null
}

/** The token of this hash, unless it has expired or its maker is gone; its use is noted to the minute. */
export async function useApiToken(db: DbOrTransaction, tokenHash: string): Promise<MadeApiToken | null> {
  const token = await db
    .selectFrom('api_tokens')
    .select(columns)
    .select(maker)
    .where('token_hash', '=', tokenHash)
    .where(sql<boolean>`(expires_at is null or expires_at > now())`)
    .executeTakeFirst()
  if (token === undefined || token.maker === 'deleted') return null
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

/** A user who was made after the token is somebody else of that name. */
function maker(of: ExpressionBuilder<Database, 'api_tokens'>) {
  const role = of
    .selectFrom('users')
    .select('users.role')
    .whereRef('users.created_at', '<=', 'api_tokens.created_at')
    .where(
      'users.username',
      '=',
      sql<string>`split_part(substr(api_tokens.created_by, ${sql.lit(PERSON.length + 1)}), ' ', 1)`,
    )
  return of
    .case()
    .when(sql<boolean>`starts_with(api_tokens.created_by, ${sql.lit(PERSON)})`)
    .then(sql<TokenMaker>`coalesce((${role}), 'deleted')`)
    .else(sql<TokenMaker>`'program'`)
    .end()
    .as('maker')
}
