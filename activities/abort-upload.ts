// Giving an upload up after a cancellation: the provider's session is aborted and forgotten, the place at the account freed.
// Idempotent: the upload activity does the same when the cancellation reaches it while it runs.

import { forgetSession, getSession, openSession } from '../db/upload-sessions.ts'
import { releaseSlot } from '../db/upload-slots.ts'
import type { ActivityDeps } from './dependencies.ts'
import { providerSession } from './upload-transfer.ts'

export type AbortActivities = {
  abortUpload(input: { run_id: string; account_id: string }): Promise<void>
}

const ABORT_TIMEOUT_MS = 20_000

export function createAbortActivities(deps: ActivityDeps): AbortActivities {
  return { abortUpload: ({ run_id, account_id }) => abandonUpload(deps, run_id, account_id) }
}

/** Rejects with a ProviderError while the provider cannot be reached; the session is kept then, to be given up later. */
export async function abandonUpload(deps: ActivityDeps, runId: string, accountId: string): Promise<void> {
  const { db, vault } = deps
  await releaseSlot(db, accountId, runId)
  const row = await getSession(db, runId, accountId)
  if (row === null) return
  const stored = openSession(vault, row)
  if (stored !== null) {
    const { provider } = await deps.accounts.open(accountId)
    await provider.abortSession(providerSession(stored), AbortSignal.timeout(ABORT_TIMEOUT_MS))
  }
  await forgetSession(db, { run_id: runId, account_id: accountId, claim: row.claim })
}
