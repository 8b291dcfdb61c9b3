// Open logins. A session is known by the SHA-256 of its cookie's value, so a copy of the database logs nobody in. It ends at a fixed time, earlier when nobody uses it, and at once with a new password.

import { sql } from 'kysely'
import type { DbOrTransaction } from '../database.ts'
import type { User } from '../schema.ts'

/** The user, and the session that was found. */
export type SessionUser = User & { readonly session_id: string; readonly session_expires_at: string }

/** The last use is noted this often, so that not every page that is read writes a row. */
const TOUCH_EVERY = '1 minute'

/** `token_hash`: SHA-256 of the cookie's value, in hex. Sessions that have ended are swept on the way. */
export async function createUserSession(
  db: DbOrTransaction,
  session: { readonly token_hash: string; readonly user_id: string; readonly expires_at: string },
): Promise<void> {
  await db.deleteFrom('user_sessions').where('expires_at', '<=', sql<string>`now()`).execute()
  await db.insertInto('user_sessions').values(session).execute()
}

/** Whose live session this is; null when it has ended, lay idle for longer than `idleMs`, or never was. */
export async function findSessionUser(
  db: DbOrTransaction,
  tokenHash: string,
  idleMs?: number,
): Promise<SessionUser | null> {
  let query = db
    .selectFrom('user_sessions')
    .innerJoin('users', 'users.id', 'user_sessions.user_id')
    .selectAll('users')
    .select(['user_sessions.id as session_id', 'user_sessions.expires_at as session_expires_at'])
    .where('user_sessions.token_hash', '=', tokenHash)
    .where('user_sessions.expires_at', '>', sql<string>`now()`)
  if (idleMs !== undefined) {
    query = query.where(
      'user_sessions.last_seen_at',
      '>',
      sql<string>`now() - make_interval(secs => ${idleMs / 1000})`,
    )
  }
  return (await query.executeTakeFirst()) ?? null
}

/** Notes that the session is in use. */
export async function touchUserSession(db: DbOrTransaction, tokenHash: string): Promise<void> {
  await db
    .updateTable('user_sessions')
    .set({ last_seen_at: sql<string>`now()` })
    .where('token_hash', '=', tokenHash)
    .where('last_seen_at', '<', sql<string>`now() - interval '${sql.raw(TOUCH_EVERY)}'`)
    .execute()
}

/** False when there is no such session. */
export async function deleteUserSession(db: DbOrTransaction, tokenHash: string): Promise<boolean> {
  const result = await db.deleteFrom('user_sessions').where('token_hash', '=', tokenHash).executeTakeFirst()
  return result.numDeletedRows > 0n
}
