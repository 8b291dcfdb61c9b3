// Giving up the session of an upload: the turn at the account is released, the provider's session ended, and our row deleted.
// The one way to do it, both for cancelled uploads and for those of deleted bindings. Idempotent.

import { deleteSession, getSession, openSession } from '../../db/uploads/sessions.ts'
import { releaseTurn } from '../../db/uploads/turns.ts'
import type { ActivityDeps } from '../dependencies.ts'
import type { Provider } from '../providers/provider.ts'
import { providerSession } from './kept-session.ts'

/** A provider that has not answered after this time counts as away. */
const GIVE_UP_TIMEOUT_MS = 20_000

/**
 * `provider` is the one that is open, if any: a deleted account cannot be opened. Rejects with what the provider or the account
 * says, and keeps the session then, to be given up later; with `isUrgent` it is deleted all the same, because it
 * expires anyway.
 */
export async function giveUpSession(
  deps: ActivityDeps,
  upload: { readonly run_id: string; readonly account_id: string },
  how: { readonly provider?: Provider | null; readonly isUrgent?: boolean } = {},
): Promise<void> {
  const { db, vault } = deps
  const { run_id, account_id } = upload
  await releaseTurn(db, account_id, run_id)
  const row = await getSession(db, run_id, account_id)
  if (row === null) return
  try {
    const stored = openSession(vault, row)
    if (stored !== null) {
      const provider = how.provider ?? (await deps.accounts.open(account_id)).provider
      await provider.abortSession(providerSession(stored), AbortSignal.timeout(GIVE_UP_TIMEOUT_MS))
    }
  } catch (error) {
    if (how.isUrgent !== true) throw error
    deps.log.warn({ err: error, run_id, account_id }, 'the session was not given up at the provider')
  }
  await deleteSession(db, { run_id, account_id, claim: row.claim })
}
