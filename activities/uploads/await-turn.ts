// Waiting for a turn at an account. Each try is one short activity that fails with `account_busy` while there is none: the
// waiting is Temporal's. It survives every restart, takes no slot from an upload, and delays no other account.

import { saveOpenDestination } from '../../db/runs/destinations.ts'
import { getRun } from '../../db/runs/runs.ts'
import { runsAhead, takeTurn } from '../../db/uploads/turns.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, StepError, statusErrorFrom } from '../failures.ts'
import { refuseWhilePaused } from './account-pause.ts'

/** A turn that is not renewed for this long (its worker is gone) is free again. */
export const TURN_LEASE_MS = 120_000
/** The first in line asks this often. The further back in line an upload is, the less often it asks. */
const ASK_AGAIN_MS = 2_000
const PLACES_PER_STEP = 4
const LONGEST_WAIT_MS = 60_000

type TurnActivities = {
  /** Resolves when the upload may begin; fails with `account_busy` to be tried again, also while the account is paused. */
  awaitTurn(input: { run_id: string; account_id: string }): Promise<void>
}

export function createTurnActivities(deps: ActivityDeps): TurnActivities {
  const { db, config } = deps
  return {
    awaitTurn: async ({ run_id, account_id }) => {
      await refuseWhilePaused(db, account_id).catch(async (reason: unknown) => {
        if (reason instanceof StepError) await showReason(deps, run_id, account_id, reason)
        throw reason
      })
      const request = {
        accountId: account_id,
        runId: run_id,
        limit: config.uploadsPerAccount,
        leaseMs: TURN_LEASE_MS,
      }
      if (await takeTurn(db, request)) return
      const reason = new StepError(
        'account_busy',
        `${config.uploadsPerAccount} uploads to this account are under way; this one waits for its turn.`,
        { retryAfterMs: askAgainMs(await runsAhead(db, run_id, account_id)) },
      )
      await showReason(deps, run_id, account_id, reason)
      throw reason
    },
  }
}

/** `place` is how many older runs wait at the same account. */
export function askAgainMs(place: number): number {
  return Math.min(LONGEST_WAIT_MS, ASK_AGAIN_MS * (1 + Math.floor(place / PLACES_PER_STEP)))
}

/** Shows on the run's page why the destination is still pending. Written once, not at every try. */
async function showReason(
  deps: ActivityDeps,
  runId: string,
  accountId: string,
  reason: StepError,
): Promise<void> {
  const error = statusErrorFrom(causeOf(reason))
  const run = await getRun(deps.db, runId)
  if (run?.cloud_sync_status[accountId]?.error?.message === error.message) return
  await saveOpenDestination(deps.db, { run_id: runId, account_id: accountId }, { error })
}
