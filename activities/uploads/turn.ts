// The turn of an upload: its right to send to the account. `awaitTurn` takes it before the upload; it is a lease, which the
// upload renews while it runs, and gives back at its end.

import type { SessionClaim } from '../../db/uploads/claims.ts'
import { releaseOwnTurn, takeTurn } from '../../db/uploads/turns.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, StepError } from '../failures.ts'
import { refuseWhilePaused } from './account-pause.ts'
import { TURN_LEASE_MS } from './await-turn.ts'
import { isUnwanted, leaveUnwanted, refuseUnwanted } from './unwanted-upload.ts'
import type { UploadInput } from './uploaded-copy.ts'

/**
 * Takes the turn anew: the lease from `awaitTurn` may have run out while the activity waited for a worker, or in a backoff.
 * Throws StepError `account_busy`; and `unknown_account` or `binding_deleted`, after the session of the upload is given up.
 */
export async function holdTurn(deps: ActivityDeps, input: UploadInput): Promise<void> {
  try {
    await refuseWhilePaused(deps.db, input.account_id)
    if (await renewTurn(deps, input)) return
  } catch (error) {
    if (isUnwanted(causeOf(error).code)) await leaveUnwanted(deps, input, null)
    throw error
  }
  throw new StepError('account_busy', 'Other uploads to this account go first.', { retryAfterMs: 5_000 })
}

/** False where others have the turns. Throws StepError where account or binding are gone. */
export async function renewTurn(deps: ActivityDeps, input: UploadInput): Promise<boolean> {
  await refuseUnwanted(deps.db, input)
  return takeTurn(deps.db, {
    accountId: input.account_id,
    runId: input.run_id,
    limit: deps.config.uploadsPerAccount,
    leaseMs: TURN_LEASE_MS,
  })
}

/** Never rejects: the lease runs out anyway, and the result of the attempt must not be lost for it. */
export async function giveTurnBack(deps: ActivityDeps, claim: SessionClaim): Promise<void> {
  await releaseOwnTurn(deps.db, claim).catch((error: unknown) => {
    deps.log.warn({ err: error, ...claim }, 'the turn at the account was not given back')
  })
}
