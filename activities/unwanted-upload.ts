// An upload whose binding or account was deleted while it was under way: it stops at the next look, its session at the
// provider is given up, and nothing at the destination or in the ledger is touched. A binding that is only disabled lets
// the archive that is on its way arrive.

import { getBinding } from '../db/bindings.ts'
import type { DbOrTransaction } from '../db/database.ts'
import { forgetSession, getSession, openSession } from '../db/upload-sessions.ts'
import { releaseSlot } from '../db/upload-slots.ts'
import type { ErrorCode } from '../workflows/errors.ts'
import type { ActivityDeps } from './dependencies.ts'
import { StepError } from './failures.ts'
import type { Provider } from './providers/provider.ts'
import { providerSession } from './upload-transfer.ts'

const ABORT_TIMEOUT_MS = 20_000

type Upload = { readonly run_id: string; readonly account_id: string; readonly binding_id: string }

/** Throws StepError `unknown_account` or `binding_deleted`. */
export async function refuseUnwanted(db: DbOrTransaction, upload: Upload): Promise<void> {
  // No account goes before its bindings.
  if ((await getBinding(db, upload.binding_id)) !== null) return
  const account = await db
    .selectFrom('cloud_accounts')
    .select('id')
    .where('id', '=', upload.account_id)
    .executeTakeFirst()
  if (account !== undefined)
    throw new StepError('binding_deleted', 'the binding was deleted while the upload was under way')
  throw new StepError(
    'unknown_account',
    'The account was deleted while the upload was under way. Bind the instance to another one, if the copy is wanted.',
  )
}

export function isUnwanted(code: ErrorCode): boolean {
  return code === 'binding_deleted' || code === 'unknown_account'
}

/**
 * Gives the provider's session up and forgets it, with its place at the account. `provider` is the one that is open: a
 * deleted account opens no more. A session that cannot be given up expires by itself.
 */
export async function leaveUnwanted(
  deps: ActivityDeps,
  { run_id, account_id }: Upload,
  provider: Provider | null,
): Promise<void> {
  const { db, vault } = deps
  const row = await getSession(db, run_id, account_id)
  if (row === null) return
  await releaseSlot(db, account_id, run_id)
  try {
    const session = openSession(vault, row)
    const able = provider ?? (session === null ? null : (await deps.accounts.open(account_id)).provider)
    if (session !== null)
      await able?.abortSession(providerSession(session), AbortSignal.timeout(ABORT_TIMEOUT_MS))
  } catch (error) {
    deps.log.warn({ err: error, run_id, account_id }, 'the session of a deleted destination was not given up')
  }
  await forgetSession(db, { run_id, account_id, claim: row.claim })
}
