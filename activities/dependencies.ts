// What activities depend on: made once per worker, nothing global.

import type { Db } from '../db/database.ts'
import type { Config } from '../db/process/config.ts'
import type { Logger } from '../db/process/log.ts'
import type { Vault } from '../db/secrets/vault.ts'
import type { ProviderAccounts } from './accounts/open-account.ts'
import type { Patience } from './patience.ts'

export type ActivityDeps = {
  readonly db: Db
  readonly vault: Vault
  readonly config: Config
  readonly log: Logger
  readonly accounts: ProviderAccounts
  readonly patience: Patience
}
