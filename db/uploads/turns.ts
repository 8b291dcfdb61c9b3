// The right to upload to an account: so many turns per account at once, across all workers. A running upload renews its turn,
// and the turn of a dead worker ends by itself. The clock is the database's, so workers need not agree.

import { sql } from 'kysely'
import { DbConflict } from '../conflict.ts'
import type { Db, DbOrTransaction } from '../database.ts'
import type { SessionClaim } from './claims.ts'

type TurnRequest = {
  readonly accountId: string
  readonly runId: string
  /** Uploads of this account at most. */
  readonly limit: number
  /** How long the turn is held without being renewed, in milliseconds. */
  readonly leaseMs: number
}

/**
 * Takes or renews a turn: true when it is held. A turn that is held can always be renewed, also when the limit was
 * lowered. Throws DbConflict `not_found` when the account is gone.
 */
export async function takeTurn(db: Db, request: TurnRequest): Promise<boolean> {
  const { accountId, runId, limit, leaseMs } = request
  return db.transaction().execute(async (trx) => {
    const account = await trx
      .selectFrom('cloud_accounts')
      .select('id')
      .where('id', '=', accountId)
      .forNoKeyUpdate()
      .executeTakeFirst()
    if (account === undefined) {
      throw new DbConflict('not_found', 'account_id', 'There is no such account.')
    }
    await trx
      .deleteFrom('upload_slots')
      .where('account_id', '=', accountId)
      .where('expires_at', '<=', sql<string>`clock_timestamp()`)
      .execute()
    const held = await trx
      .selectFrom('upload_slots')
      .select('run_id')
      .where('account_id', '=', accountId)
      .execute()
    const isOwn = held.some((turn) => turn.run_id === runId)
    if (!isOwn && held.length >= limit) {
      return false
    }
    const expiresAt = sql<string>`clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'`
    await trx
      .insertInto('upload_slots')
      .values({ account_id: accountId, run_id: runId, expires_at: expiresAt })
      .onConflict((conflict) =>
        conflict.columns(['account_id', 'run_id']).doUpdateSet({ expires_at: expiresAt }),
      )
      .execute()
    return true
  })
}

/** How many destinations of older runs wait for this account: with 0, this run is next. */
export async function runsAhead(db: DbOrTransaction, runId: string, accountId: string): Promise<number> {
  const row = await db
    .selectFrom('destinations')
    .select(({ fn }) => fn.countAll<number>().as('waiting'))
    .where('account_id', '=', accountId)
    .where('status', '=', 'pending')
    .where('run_created_at', '<', (own) =>
      own.selectFrom('runs').select('created_at').where('id', '=', runId),
    )
    .executeTakeFirstOrThrow()
  return row.waiting
}

/** Does nothing when the turn is not held (any more). */
export async function releaseTurn(db: DbOrTransaction, accountId: string, runId: string): Promise<void> {
  await db
    .deleteFrom('upload_slots')
    .where('account_id', '=', accountId)
    .where('run_id', '=', runId)
    .execute()
}

/** Releases the turn at the end of an attempt. Does nothing when another attempt has claimed the upload: the turn is its own. */
export async function releaseOwnTurn(db: DbOrTransaction, claim: SessionClaim): Promise<void> {
  await db
    .deleteFrom('upload_slots')
    .where('account_id', '=', claim.account_id)
    .where('run_id', '=', claim.run_id)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('upload_sessions')
          .select('claim')
          .where('account_id', '=', claim.account_id)
          .where('run_id', '=', claim.run_id)
          .where('claim', '=', claim.claim),
      ),
    )
    .execute()
}
