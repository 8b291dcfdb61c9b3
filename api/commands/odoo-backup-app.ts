// The data of odoo-backup-app, read from its SQLite file: instances, cloud accounts with their opened credentials, and
// bindings. The file is opened read-only. Its credentials are Fernet tokens of a flat map of texts.

import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { FernetError, fernetOpen, isFernetKey } from '../../db/secrets/fernet.ts'
import { EXIT, Failed } from './command.ts'

/** SQLite has no booleans. */
const flag = z.union([z.number(), z.boolean(), z.null()]).transform(Boolean)
/** SQLAlchemy writes an enum by its name or its value. */
const word = z.string().transform((text) => text.toLowerCase())

const instanceRow = z.object({
  id: z.number(),
  name: z.string(),
  slug: z.string(),
  retention_mode: word.nullable(),
  retention_value: z.number().nullable(),
})

const accountRow = z.object({
  id: z.number(),
  provider: word.pipe(z.enum(['gdrive', 'dropbox', 'onedrive'])),
  name: z.string(),
  credentials_enc: z.string(),
  enabled: flag,
})

const bindingRow = z.object({
  instance_id: z.number(),
  cloud_account_id: z.number(),
  remote_folder: z.string().nullable(),
  enabled: flag,
  apply_retention_remotely: flag,
})

export type SourceInstance = z.output<typeof instanceRow>
export type SourceBinding = z.output<typeof bindingRow>
export type SourceAccount = Omit<z.output<typeof accountRow>, 'credentials_enc'> & {
  /** Null when the key does not open them. */
  readonly credentials: Readonly<Record<string, unknown>> | null
}

export type SourceData = {
  readonly instances: readonly SourceInstance[]
  readonly accounts: readonly SourceAccount[]
  readonly bindings: readonly SourceBinding[]
}

/** Throws Failed with the file and what is wrong with it. */
export function readOdooBackupApp(databaseFile: string, keyFile: string): SourceData {
  const key = readKey(keyFile)
  const database = openReadOnly(databaseFile)
  try {
    const rows = <T>(table: string, columns: string, shape: z.ZodType<T>) =>
      database
        .prepare(`select ${columns} from ${table} order by id`)
        .all()
        .map((row) => shape.parse(row))
    const accounts = rows('cloud_accounts', 'id, provider, name, credentials_enc, enabled', accountRow)
    return {
      instances: rows('instances', 'id, name, slug, retention_mode, retention_value', instanceRow),
      accounts: accounts.map(({ credentials_enc, ...account }) => ({
        ...account,
        credentials: openCredentials(key, credentials_enc),
      })),
      bindings: rows(
        'instance_cloud_bindings',
        'instance_id, cloud_account_id, remote_folder, enabled, apply_retention_remotely',
        bindingRow,
      ),
    }
  } catch (error) {
    if (error instanceof z.ZodError || isSqliteError(error)) {
      throw new Failed(
        EXIT.badInput,
        `${databaseFile} is not the database of odoo-backup-app: ${error.message}`,
      )
    }
    throw error
  } finally {
    database.close()
  }
}

function readKey(keyFile: string): string {
  const key = readText(keyFile).trim()
  if (!isFernetKey(key)) throw new Failed(EXIT.badInput, `${keyFile} holds no Fernet key`)
  return key
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Failed(EXIT.badInput, `${file} cannot be read: ${error instanceof Error ? error.message : ''}`)
  }
}

function openReadOnly(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { readOnly: true })
  } catch (error) {
    throw new Failed(
      EXIT.badInput,
      `${file} cannot be opened: ${error instanceof Error ? error.message : ''}`,
    )
  }
}

function isSqliteError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR'
}

const credentialsMap = z.record(z.string(), z.unknown())

function openCredentials(key: string, token: string): Readonly<Record<string, unknown>> | null {
  try {
    return credentialsMap.parse(JSON.parse(fernetOpen(key, token)))
  } catch (error) {
    // Sealed with another key, or not a map: the account needs its credentials again.
    if (error instanceof FernetError || error instanceof z.ZodError || error instanceof SyntaxError)
      return null
    throw error
  }
}
