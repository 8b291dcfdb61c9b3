// What every route and page of the API gets. All other modules name the few dependencies that they need.

import type { Db } from '../db/database.ts'
import type { Config } from '../db/process/config.ts'
import type { Logger } from '../db/process/log.ts'
import type { Vault } from '../db/secrets/vault.ts'
import type { LocalArchives } from './archives/inspect-archive.ts'
import type { ChangeFeed } from './runs/change-feed.ts'
import type { RunHealer } from './runs/healer.ts'
import type { TemporalClient } from './temporal/client.ts'

/** `url` without a trailing slash. */
export type TemporalUi = { readonly url: string; readonly namespace: string }

export type AppDeps = {
  readonly db: Db
  readonly vault: Vault
  readonly temporal: TemporalClient
  readonly log: Logger
  readonly feed: ChangeFeed
  readonly healer: Pick<RunHealer, 'wake'>
  /** A process that knows BACKUP_ROOT also recognises an archive by its absolute path. */
  readonly config: Pick<Config, 'taskQueue' | 'apiToken' | 'trustedProxies'> &
    Partial<Pick<Config, 'backupRoot' | 'secretKeyFile'>>
  /** The archives on this process's own disk. Missing where it has none: a worker is asked then. */
  readonly archives?: LocalArchives | undefined
  /** Temporal's Web UI, for links to workflows; missing where it is not known. */
  readonly temporalUi?: TemporalUi | null | undefined
}
