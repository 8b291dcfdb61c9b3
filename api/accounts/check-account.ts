// Checks accounts against their provider. An activity does it, because the API has no provider's code. "Test connection"
// checks credentials before they are saved: the activity finds them as a sealed draft (db/accounts/account-drafts.ts), which
// is deleted as soon as the answer arrives.

import type { z } from 'zod'
import { type AccountDraft, deleteDraft, saveDraft } from '../../db/accounts/account-drafts.ts'
import type { Account } from '../../db/accounts/accounts.ts'
import type { Db } from '../../db/database.ts'
import type { Config } from '../../db/process/config.ts'
import type { AccountSettings } from '../../db/schema.ts'
import type { Vault } from '../../db/secrets/vault.ts'
import { accountCheckSchema, type newAccountSchema } from '../schemas/accounts.ts'
import type { TemporalClient } from '../temporal/client.ts'

/** A provider that does not answer must not keep the request open forever. */
const CHECK_TIMEOUT_MS = 40_000
const WORKER_WITHIN_MS = 10_000

type AccountCheckAnswer = z.output<typeof accountCheckSchema>

type TrialDeps = {
  readonly db: Db
  readonly vault: Vault
  readonly temporal: Pick<TemporalClient, 'runActivity'>
  readonly config: Pick<Config, 'taskQueue'>
}

/** `accountId`: of an account or a draft. Throws what TemporalClient.runActivity throws. */
export function checkAccount(
  { temporal, config }: Pick<TrialDeps, 'temporal' | 'config'>,
  accountId: string,
): Promise<AccountCheckAnswer> {
  return temporal.runActivity({
    name: 'checkAccount',
    args: { account_id: accountId },
    result: accountCheckSchema,
    taskQueue: config.taskQueue,
    timeoutMs: CHECK_TIMEOUT_MS,
    workerWithinMs: WORKER_WITHIN_MS,
  })
}

/** Throws what TemporalClient.runActivity throws. */
export function tryAccount(
  deps: TrialDeps,
  { name, provider, credentials, settings = {} }: z.output<typeof newAccountSchema>,
): Promise<AccountCheckAnswer> {
  return tryDraft(deps, { name, provider, credentials, settings })
}

/** Tries other settings with the stored credentials, which this process does not open. Throws as above. */
export function trySettings(
  deps: TrialDeps,
  { id, name, provider }: Pick<Account, 'id' | 'name' | 'provider'>,
  settings: AccountSettings,
): Promise<AccountCheckAnswer> {
  return tryDraft(deps, { name, provider, credentials: { of_account: id }, settings })
}

async function tryDraft(deps: TrialDeps, draft: AccountDraft): Promise<AccountCheckAnswer> {
  const { db, vault } = deps
  const id = await saveDraft(db, vault, draft)
  try {
    return await checkAccount(deps, id)
  } finally {
    await deleteDraft(db, id)
  }
}
