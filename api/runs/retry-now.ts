// "Retry now": the destinations of a run that wait for their next attempt make it at once. It also ends the pauses of their
// accounts, because the attempt would stop at such a pause again. The audit names the pauses that were ended.

import { endPause } from '../../db/accounts/account-pauses.ts'
import { appendAudit } from '../../db/audit.ts'
import type { Db } from '../../db/database.ts'
import type { Run } from '../../db/schema.ts'
import { bindingWorkflowId } from '../../workflows/workflow-ids.ts'
import { Problem } from '../http/problem.ts'
import type { TemporalClient } from '../temporal/client.ts'
import type { PendingActivity } from '../temporal/pending-activity.ts'

type RetryDeps = { readonly db: Db; readonly temporal: Pick<TemporalClient, 'pendingActivity' | 'retryNow'> }
type OpenDestination = {
  readonly accountId: string
  readonly workflowId: string
  readonly pending: PendingActivity | null
}

/** Throws Problem 409 with the reason when nothing waits. Throws TemporalUnavailable; a second call is safe then. */
export async function endWaits({ db, temporal }: RetryDeps, run: Run, actor: string): Promise<void> {
  const open = await openDestinations(temporal, run)
  const waiting = open.filter(({ pending }) => pending !== null && isBackingOff(pending))
  if (waiting.length === 0) throw new Problem(409, whyNothingWaits(run, open))
  // Ended before the attempts begin, because they check the pause first.
  await db.transaction().execute(async (trx) => {
    const ended_pauses = []
    for (const { accountId } of waiting) {
      const pause = await endPause(trx, accountId)
      if (pause !== null) ended_pauses.push({ account_id: accountId, ...pause })
    }
    const details = { account_ids: waiting.map(({ accountId }) => accountId), ended_pauses }
    const subject = { instance_slug: run.instance_slug, run_id: run.id }
    await appendAudit(trx, { actor, event: 'retry_requested', ...subject, details })
  })
  for (const { workflowId, pending } of waiting) {
    // False: the attempt has begun by itself in the meantime.
    if (pending !== null) await temporal.retryNow(workflowId, pending.activity_id)
  }
}

async function openDestinations(
  temporal: RetryDeps['temporal'],
  run: Run,
): Promise<readonly OpenDestination[]> {
  if (run.cloud_status !== 'pending') return []
  const accountIds = Object.entries(run.cloud_sync_status)
    .filter(([, { finished_at }]) => finished_at === null)
    .map(([accountId]) => accountId)
  return Promise.all(
    accountIds.map(async (accountId) => {
      const workflowId = bindingWorkflowId(run.instance_slug, run.id, accountId)
      return { accountId, workflowId, pending: await temporal.pendingActivity(workflowId) }
    }),
  )
}

/** A first attempt that is not running waits for a worker, and that wait cannot be ended. */
function isBackingOff({ state, next_attempt_at, attempt }: PendingActivity): boolean {
  return state === 'waiting' && next_attempt_at !== null && attempt > 1
}

function whyNothingWaits(run: Run, open: readonly OpenDestination[]): string {
  if (run.cloud_status !== 'pending') return 'The sync of this run has ended: re-upload it to sync it again.'
  if (run.start_requested_at !== null)
    return 'Temporal has not taken this run yet; it is asked again by itself.'
  if (open.length === 0) return 'The sync of this run has no open destination: it is beginning or ending.'
  if (open.some(({ pending }) => pending?.state === 'waiting'))
    return 'The next attempt is made as soon as a worker is free: there is no wait to end.'
  return 'No destination waits for its next attempt: each is being worked on.'
}
