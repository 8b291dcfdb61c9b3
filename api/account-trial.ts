// "Test connection": credentials that nobody has saved yet, tried against the provider. An activity does it, where the
// provider's code is, and finds them as a sealed draft (db/account-drafts.ts) that is gone when the answer is there.

import type { z } from 'zod'
import { deleteDraft, saveDraft } from '../db/account-drafts.ts'
import type { AppDeps } from './app-context.ts'
import { accountCheckSchema, type newAccountSchema } from './schemas/accounts.ts'

/** A provider that does not answer must not hold the request for ever. */
export const CHECK_TIMEOUT_MS = 40_000
export const WORKER_WITHIN_MS = 10_000

export type AccountCheckAnswer = z.output<typeof accountCheckSchema>

/** Throws what TemporalClient.runActivity throws. */
export async function tryAccount(
  { db, vault, temporal, config }: Pick<AppDeps, 'db' | 'vault' | 'temporal' | 'config'>,
  account: z.output<typeof newAccountSchema>,
): Promise<AccountCheckAnswer> {
  const { name, provider, credentials, settings = {} } = account
  const id = await saveDraft(db, vault, { name, provider, credentials, settings })
  try {
    return await temporal.runActivity({
      name: 'checkAccount',
      args: { account_id: id },
      result: accountCheckSchema,
      taskQueue: config.taskQueue,
      timeoutMs: CHECK_TIMEOUT_MS,
      workerWithinMs: WORKER_WITHIN_MS,
    })
  } finally {
    await deleteDraft(db, id)
  }
}
