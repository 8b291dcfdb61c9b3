// An upload whose binding or account was deleted while it was under way: it stops at the next save, its session at the
// provider is given up, and nothing at the destination or in the ledger is touched. A binding that is only disabled lets
// the archive that is on its way arrive.

import { accountExists } from '../../db/accounts/accounts.ts'
import type { DbOrTransaction } from '../../db/database.ts'
import { getBinding } from '../../db/instances/bindings.ts'
import type { ErrorCode } from '../../workflows/errors.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { StepError } from '../failures.ts'
import type { Provider } from '../providers/provider.ts'
import { giveUpSession } from './give-up-session.ts'

type Upload = { readonly run_id: string; readonly account_id: string; readonly binding_id: string }

/** Throws StepError `unknown_account` or `binding_deleted`. */
export async function refuseUnwanted(db: DbOrTransaction, upload: Upload): Promise<void> {
  // No account goes before its bindings.
  if ((await getBinding(db, upload.binding_id)) !== null) return
  if (await accountExists(db, upload.account_id))
    throw new StepError('binding_deleted', 'The binding was deleted while the upload was under way.')
  throw new StepError('unknown_account', 'The account was deleted while the upload was under way.', {
    advice: 'Bind the instance to another account, if the copy is wanted.',
  })
}

export function isUnwanted(code: ErrorCode): boolean {
  return code === 'binding_deleted' || code === 'unknown_account'
}

/**
 * Gives up and deletes the session, and releases the turn at the account. `provider` is the one that is open: a
 * deleted account cannot be opened any more. A session that cannot be given up expires.
 */
export async function leaveUnwanted(
  deps: ActivityDeps,
  upload: Upload,
  provider: Provider | null,
): Promise<void> {
  await giveUpSession(deps, upload, { provider, isUrgent: true })
}
