// Which attempt an upload belongs to. After a lost heartbeat an old attempt may still be running beside the new one: each
// attempt claims the upload's session, and every write names its claim, so only the newest attempt can change anything. The
// number of a claim is never given twice: an attempt that wakes up after its session was deleted must not find its own number
// in the hands of another one.

import type { DbOrTransaction } from '../database.ts'

/** The holder of a session; `claim` is the number that claimSession gave it. */
export type SessionClaim = { readonly run_id: string; readonly account_id: string; readonly claim: number }

/** Another attempt has claimed the session since, or the upload is settled: stop without writing. Code `claim_lost`. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost'
  readonly code = 'claim_lost'

  constructor() {
    super('Another attempt has taken this upload over.')
  }
}

/** Throws ClaimLost when the claim is not the newest. In a transaction nobody else can claim the row until its end. */
export async function assertClaim(db: DbOrTransaction, claim: SessionClaim): Promise<void> {
  const row = await db
    .selectFrom('upload_sessions')
    .select('claim')
    .where('run_id', '=', claim.run_id)
    .where('account_id', '=', claim.account_id)
    .where('claim', '=', claim.claim)
    .forShare()
    .executeTakeFirst()
  if (row === undefined) claimIsLost()
}

/** An update of the session, which does nothing once another attempt has claimed it. */
export function claimedSession(db: DbOrTransaction, claim: SessionClaim) {
  return db
    .updateTable('upload_sessions')
    .where('run_id', '=', claim.run_id)
    .where('account_id', '=', claim.account_id)
    .where('claim', '=', claim.claim)
}

/** Throws ClaimLost where a statement under a claim has changed no row. */
export function refuseLostClaim(rows: bigint): void {
  if (rows === 0n) claimIsLost()
}

export function claimIsLost(): never {
  throw new ClaimLost()
}
