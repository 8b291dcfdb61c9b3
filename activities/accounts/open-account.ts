// Accounts as the activities use them: opened from the vault, checked, and made into a Provider that is kept, so that all
// uploads of one account share one access token. A changed account gets a new Provider.

import type { z } from 'zod'
import { openDraft } from '../../db/accounts/account-drafts.ts'
import { accountShapes } from '../../db/accounts/account-shapes.ts'
import type { OpenAccount } from '../../db/accounts/credentials.ts'
import { openAccount } from '../../db/accounts/credentials.ts'
import type { Db } from '../../db/database.ts'
import type { Config } from '../../db/process/config.ts'
import { type Vault, VaultError } from '../../db/secrets/vault.ts'
import type { ProviderKind } from '../../workflows/types.ts'
import { StepError } from '../failures.ts'
import type { HttpClient } from '../http/client.ts'
import { createProvider } from '../providers/index.ts'
import type { Provider } from '../providers/provider.ts'

type ProviderAccount = { readonly id: string; readonly name: string; readonly provider: Provider }

export interface ProviderAccounts {
  /** Throws StepError `unknown_account`, `credentials_unreadable`, `credentials_malformed`. */
  open(accountId: string): Promise<ProviderAccount>
}

type AccountDeps = {
  readonly db: Db
  readonly vault: Vault
  readonly config: Config
  readonly http: HttpClient
  /** Default: the provider of the account's kind. */
  readonly createProvider?: typeof createProvider
}

export function createProviderAccounts(deps: AccountDeps): ProviderAccounts {
  const opened = new Map<string, { readonly version: string; readonly account: ProviderAccount }>()
  return {
    open: async (accountId) => {
      const saved = await openAccount(deps.db, deps.vault, accountId).catch(unreadable)
      const found = saved ?? (await openDraft(deps.db, deps.vault, accountId).catch(unreadable))
      if (found === null)
        throw new StepError('unknown_account', `account_id: there is no account ${accountId}.`)
      // Compared in memory only: the same credentials and settings are the same Provider.
      const version = JSON.stringify([found.name, found.provider, found.settings, found.credentials])
      const known = opened.get(accountId)
      if (known?.version === version) return known.account
      const account = { id: found.id, name: found.name, provider: build(found, deps) }
      // A draft is tried once.
      if (saved !== null) opened.set(accountId, { version, account })
      return account
    },
  }
}

function unreadable(error: unknown): never {
  if (!(error instanceof VaultError)) throw error
  throw new StepError('credentials_unreadable', "No key of the key file opens this account's credentials.")
}

function build(found: OpenAccount, deps: AccountDeps): Provider {
  const shape: { credentials: z.ZodType; settings: z.ZodType } =
    accountShapes[found.provider satisfies ProviderKind]
  const problems = [
    ...issuesOf('credentials', shape.credentials.safeParse(found.credentials)),
    ...issuesOf('settings', shape.settings.safeParse(found.settings)),
  ]
  if (problems.length > 0) {
    throw new StepError(
      'credentials_malformed',
      `The account ${JSON.stringify(found.name)}: ${problems.join('; ')}.`,
    )
  }
  const create = deps.createProvider ?? createProvider
  return create(found, { http: deps.http, endpoints: deps.config.endpoints })
}

function issuesOf(part: string, parsed: z.ZodSafeParseResult<unknown>): string[] {
  if (parsed.success) return []
  return parsed.error.issues.map((issue) => `${[part, ...issue.path].join('.')} ${issue.message}`)
}
