// People who log in. Passwords arrive here hashed. There is always an administrator: the last one can be
// neither deleted nor given another role.

import { sql } from 'kysely'
import { DbConflict, withConflicts } from '../conflict.ts'
import { type DbOrTransaction, inTransaction, newId } from '../database.ts'
import type { User, UserRole } from '../schema.ts'

type NewUser = {
  readonly username: string
  readonly password_hash: string
  /** Default: admin. */
  readonly role?: UserRole | undefined
  readonly must_change_password?: boolean | undefined
}

/** Names that differ only by case are one: nobody could tell their owners apart in the audit. Throws DbConflict `duplicate`. */
export async function createUser(db: DbOrTransaction, values: NewUser): Promise<User> {
  const taken = () => new DbConflict('duplicate', 'username', 'This user name is taken.')
  return inTransaction(db, async (trx) => {
    // Requests that make users wait for each other; logins do not.
    await sql`lock table users in share row exclusive mode`.execute(trx)
    const other = await trx
      .selectFrom('users')
      .select('id')
      .where(sql<string>`lower(username)`, '=', sql<string>`lower(${values.username})`)
      .executeTakeFirst()
    if (other !== undefined) throw taken()
    return withConflicts({ users_username_unique: taken }, () =>
      trx
        .insertInto('users')
        .values({
          id: newId(),
          username: values.username,
          password_hash: values.password_hash,
          role: values.role ?? 'admin',
          must_change_password: values.must_change_password ?? false,
        })
        .returningAll()
        .executeTakeFirstOrThrow(),
    )
  })
}

/** Null when there are users already. Any number of processes may try at once: one makes the user. */
export async function createFirstUser(db: DbOrTransaction, values: NewUser): Promise<User | null> {
  const { rows } = await sql<User>`
    insert into users (id, username, password_hash, role, must_change_password)
    select ${newId()}, ${values.username}, ${values.password_hash}, 'admin', true
    where not exists (select 1 from users)
    on conflict (username) do nothing
    returning *`.execute(db)
  return rows[0] ?? null
}

export async function anyUser(db: DbOrTransaction): Promise<boolean> {
  return (await db.selectFrom('users').select('id').limit(1).executeTakeFirst()) !== undefined
}

export async function findUser(db: DbOrTransaction, username: string): Promise<User | null> {
  const row = await db.selectFrom('users').selectAll().where('username', '=', username).executeTakeFirst()
  return row ?? null
}

export async function getUser(db: DbOrTransaction, id: string): Promise<User | null> {
  const row = await db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
  return row ?? null
}

/** By name: there are few. */
export async function listUsers(db: DbOrTransaction): Promise<readonly User[]> {
  return db.selectFrom('users').selectAll().orderBy('username').execute()
}

export async function noteLogin(db: DbOrTransaction, userId: string): Promise<void> {
  await db.updateTable('users').set({ last_login_at: sql<string>`now()` }).where('id', '=', userId).execute()
}

/** Sets a password and ends all sessions of the user. False when there is no such user. */
export async function setPassword(
  db: DbOrTransaction,
  userId: string,
  passwordHash: string,
  options: { readonly mustChange?: boolean } = {},
): Promise<boolean> {
  const result = await db
    .updateTable('users')
    .set({
      password_hash: passwordHash,
      must_change_password: options.mustChange ?? false,
      updated_at: sql<string>`now()`,
    })
    .where('id', '=', userId)
    .executeTakeFirst()
  await db.deleteFrom('user_sessions').where('user_id', '=', userId).execute()
  return result.numUpdatedRows > 0n
}

/** In a transaction. False when there is no such user; throws DbConflict `still_referenced` for the last administrator. */
export async function setRole(trx: DbOrTransaction, userId: string, role: UserRole): Promise<boolean> {
  if (role !== 'admin') await keepOneAdmin(trx, userId)
  const result = await trx
    .updateTable('users')
    .set({ role, updated_at: sql<string>`now()` })
    .where('id', '=', userId)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** In a transaction; the sessions go along. Throws DbConflict `still_referenced` for the last administrator. */
export async function deleteUser(trx: DbOrTransaction, userId: string): Promise<boolean> {
  await keepOneAdmin(trx, userId)
  const result = await trx.deleteFrom('users').where('id', '=', userId).executeTakeFirst()
  return result.numDeletedRows > 0n
}

/** The administrators are locked in one order, so that two requests at once cannot both find another one left. */
async function keepOneAdmin(trx: DbOrTransaction, leavingId: string): Promise<void> {
  const admins = await trx
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'admin')
    .orderBy('id')
    .forUpdate()
    .execute()
  if (admins.length === 1 && admins[0]?.id === leavingId) {
    throw new DbConflict('still_referenced', 'role', 'This is the last administrator.')
  }
}
