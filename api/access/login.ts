// Logging in. Attempts are throttled by user name and by address. A user who does not exist gets the same answer after the
// same time as a wrong password. An unknown user name is never recorded, because it may be a password.

import { countAttempt, type ThrottleRule, takeBackAttempt } from '../../db/access/login-throttle.ts'
import { createUserSession } from '../../db/access/user-sessions.ts'
import { findUser, noteLogin } from '../../db/access/users.ts'
import { appendAudit } from '../../db/audit.ts'
import type { Db } from '../../db/database.ts'
import { databaseNow } from '../../db/database-server.ts'
import type { Logger } from '../../db/process/log.ts'
import type { User } from '../../db/schema.ts'
import { networkOf } from '../http/client-connection.ts'
import { Problem } from '../http/problem.ts'
import { verifyPassword } from './passwords.ts'
import { newSecret, SESSION_LIFE_MS, secretHash } from './session-cookie.ts'

const PER_USER: ThrottleRule = { free: 5, maxSeconds: 60 }
const PER_ADDRESS: ThrottleRule = { free: 20, maxSeconds: 900 }

export type Login = { readonly user: User; readonly secret: string; readonly expires_at: string }

type LoginDeps = { readonly db: Db; readonly log: Logger }
type Credentials = { readonly username: string; readonly password: string }

/** Throws Problem 401 or 429. */
export async function logIn(deps: LoginDeps, credentials: Credentials, address: string): Promise<Login> {
  const user = await userOf(deps, credentials, address)
  if (user === null) throw new Problem(401, 'User name or password is wrong.')
  return openSession(deps, user, address)
}

/** The user with this name and password; null when there is none. Throws Problem 429. */
export async function userOf(
  deps: LoginDeps,
  credentials: Credentials,
  address: string,
): Promise<User | null> {
  const { db } = deps
  const { username, password } = credentials
  const keys = {
    user: `user:${username.toLowerCase().slice(0, 64)}`,
    address: `address:${networkOf(address)}`,
  }
  const blocks = {
    address: await countOrRefuse(deps, keys.address, PER_ADDRESS),
    user: await countOrRefuse(deps, keys.user, PER_USER),
  }
  const user = await findUser(db, username)
  if (!(await verifyPassword(password, user?.password_hash ?? null)) || user === null) {
    const actor = user === null ? 'unknown user' : `user:${user.username}`
    await appendAudit(db, { actor, event: 'login_failed', details: { address } })
    for (const [of, seconds] of Object.entries(blocks)) {
      if (seconds === 0) continue
      await appendAudit(db, { actor, event: 'login_blocked', details: { address, of, seconds } })
    }
    return null
  }
  await takeBackAttempt(db, keys.user, { forget: true })
  await takeBackAttempt(db, keys.address, { forget: false })
  return user
}

/**
 * The seconds of the block that begins with this attempt if its password is wrong; 0 for none. Throws Problem 429 while a
 * block lasts: the audit records the block once, and refused attempts add no entries.
 */
async function countOrRefuse({ db, log }: LoginDeps, key: string, rule: ThrottleRule): Promise<number> {
  const verdict = await countAttempt(db, key, rule)
  if (verdict.allowed) return verdict.blockSeconds
  log.warn('a login was refused: too many attempts')
  throw new Problem(429, 'Too many attempts: wait a little.', {
    headers: { 'retry-after': String(verdict.retryAfterSeconds) },
  })
}

async function openSession({ db }: LoginDeps, user: User, address: string): Promise<Login> {
  const { secret, expires_at } = await newSession(db)
  await db.transaction().execute(async (trx) => {
    await createUserSession(trx, { token_hash: secretHash(secret), user_id: user.id, expires_at })
    await noteLogin(trx, user.id)
    await appendAudit(trx, { actor: `user:${user.username}`, event: 'login_succeeded', details: { address } })
  })
  return { user, secret, expires_at }
}

/** The value of a new cookie, and when its session ends. */
export async function newSession(db: Db): Promise<{ readonly secret: string; readonly expires_at: string }> {
  const expiresAt = (await databaseNow(db)) + SESSION_LIFE_MS
  return { secret: newSecret(), expires_at: new Date(expiresAt).toISOString() }
}
