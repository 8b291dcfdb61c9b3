// Failed logins, counted by user name and by address. An attempt counts before the password is checked, so that many at once do
// not slip through; a login that succeeds takes its count back. A block grows with each failure, and its row is deleted after a
// quarter of an hour without one.

import { sql } from 'kysely'
import type { Db, DbOrTransaction } from '../database.ts'

export type ThrottleRule = {
  /** Attempts that cost nothing. */
  readonly free: number
  /** The longest block, in seconds. */
  readonly maxSeconds: number
}

type ThrottleVerdict =
  /** `blockSeconds`: of the block that this attempt has begun, 0 for none. */
  | { readonly allowed: true; readonly blockSeconds: number }
  | { readonly allowed: false; readonly retryAfterSeconds: number }

const FORGET_AFTER = '15 minutes'
/** Beyond 2^20 seconds the power only overflows. */
const MAX_EXPONENT = 20
const SWEPT_AT_ONCE = 1_000

/** Counts one attempt. Refused while a block lasts; a refused attempt does not make it longer. */
export async function countAttempt(db: Db, key: string, rule: ThrottleRule): Promise<ThrottleVerdict> {
  await sweep(db)
  return db.transaction().execute(async (trx) => {
    const failures = sql<number>`case
      when login_throttles.last_failed_at < now() - interval '${sql.raw(FORGET_AFTER)}' then 1
      else login_throttles.failures + 1 end`
    const counted = await trx
      .insertInto('login_throttles')
      .values({ key, failures: 1 })
      .onConflict((conflict) =>
        conflict
          .column('key')
          .doUpdateSet({ failures, last_failed_at: sql<string>`now()`, blocked_until: null })
          .where(
            sql<boolean>`login_throttles.blocked_until is null or login_throttles.blocked_until <= now()`,
          ),
      )
      .returning('failures')
      .executeTakeFirst()
    if (counted === undefined) {
      return { allowed: false, retryAfterSeconds: await secondsLeft(trx, key) }
    }
    if (counted.failures < rule.free) return { allowed: true, blockSeconds: 0 }
    const seconds = Math.min(2 ** Math.min(counted.failures - rule.free, MAX_EXPONENT), rule.maxSeconds)
    await trx
      .updateTable('login_throttles')
      .set({ blocked_until: sql<string>`now() + make_interval(secs => ${seconds})` })
      .where('key', '=', key)
      .execute()
    return { allowed: true, blockSeconds: seconds }
  })
}

/**
 * Deletes expired rows, because whoever tries chooses the names and addresses. It is a statement of its own that skips locked
 * rows: attempts at the same time must not wait for each other in a circle.
 */
async function sweep(db: Db): Promise<void> {
  await sql`delete from login_throttles where key in (
    select key from login_throttles
    where last_failed_at < now() - interval '${sql.raw(FORGET_AFTER)}'
      and (blocked_until is null or blocked_until <= now())
    limit ${SWEPT_AT_ONCE} for update skip locked)`.execute(db)
}

async function secondsLeft(trx: DbOrTransaction, key: string): Promise<number> {
  const row = await trx
    .selectFrom('login_throttles')
    .select(sql<number>`ceil(extract(epoch from blocked_until - now()))::int`.as('seconds'))
    .where('key', '=', key)
    .executeTakeFirst()
  return Math.max(row?.seconds ?? 1, 1)
}

/** After a login that succeeded: `forget` clears the count, otherwise one attempt is taken back. */
export async function takeBackAttempt(
  db: Db,
  key: string,
  { forget }: { readonly forget: boolean },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // Locked before it is judged: logins that succeed at the same moment would take back more than there is.
    const counted = await trx
      .selectFrom('login_throttles')
      .select('failures')
      .where('key', '=', key)
      .forUpdate()
      .executeTakeFirst()
    if (counted === undefined) return
    if (forget || counted.failures <= 1) {
      await trx.deleteFrom('login_throttles').where('key', '=', key).execute()
      return
    }
    await trx
      .updateTable('login_throttles')
      .set({ failures: counted.failures - 1, blocked_until: null })
      .where('key', '=', key)
      .execute()
  })
}
