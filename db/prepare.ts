// What every process does with the database before anything else: see that the key file opens what is sealed, and only
// then bring the tables up to date (docs/design.md, "The key file": a wrong key changes nothing).

import { sql } from 'kysely'
import { appendAudit } from './audit.ts'
import type { Db } from './database.ts'
import { isDatabaseAway, isRefusedLogin } from './database-errors.ts'
import { migrate } from './migrate.ts'
import type { Config } from './process/config.ts'
import type { Logger } from './process/log.ts'
import { StartupError } from './process/startup-error.ts'
import { loadOrCreateKeys, readKeyFile } from './secrets/key-file.ts'
import { openKeyFileVault } from './secrets/key-file-reload.ts'
import { checkKeysAgainstDatabase, sealedRowsExist } from './secrets/sealed-rows.ts'
import type { Vault } from './secrets/vault.ts'

/** Throws KeyFileError, VaultError or StartupError with what to do; the database is as it was then. */
export async function prepareDatabase(config: Config, db: Db, log: Logger): Promise<Vault> {
  const hasTables = await tablesExist(db).catch((error: unknown) => {
    if (!isDatabaseAway(error) && !isRefusedLogin(error)) throw error
    throw new StartupError(
      'DATABASE_URL: the PostgreSQL server cannot be reached or refuses the login. Start it, correct the URL, or unset ' +
        'it for the embedded server.',
    )
  })
  const isFirstStart = (await readKeyFile(config.secretKeyFile)) === null
  const keys = await loadOrCreateKeys(config.secretKeyFile, {
    sealedRowsExist: hasTables && (await sealedRowsExist(db)),
  })
  const vault = openKeyFileVault(config.secretKeyFile, keys, log)
  if (hasTables) {
    const { unreadable_accounts } = await checkKeysAgainstDatabase(db, vault)
    if (unreadable_accounts.length > 0) {
      log.warn(
        { accounts: unreadable_accounts },
        'the key file does not open the credentials of these accounts',
      )
    }
  }
  const ran = await migrate(db)
  if (isFirstStart) {
    await appendAudit(db, {
      actor: 'system',
      event: 'key_created',
      details: { fingerprint: vault.fingerprint },
    })
  }
  if (ran.length > 0) log.info({ migrations: ran }, 'the database was brought up to date')
  return vault
}

async function tablesExist(db: Db): Promise<boolean> {
  const found = await sql<{
    there: boolean
  }>`select to_regclass('upload_sessions') is not null as there`.execute(db)
  return found.rows[0]?.there === true
}
