// An installation of an earlier version, laid out again from what is kept of it (README.md): its rows in a database with the
// schema of that version, its key file, and the archives on its disk.

import { link, mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { z } from 'zod'
import type { Db } from '../../db/database.ts'
import * as initial from '../../db/migrations/0001-initial.ts'
import * as access from '../../db/migrations/0002-access.ts'
import * as pages from '../../db/migrations/0003-pages.ts'
import { openVault, type Vault } from '../../db/secrets/vault.ts'
import { archiveContent } from './archive-content.ts'

const recordedSchema = z.object({
  recorded_at: z.iso.datetime(),
  accounts: z.record(z.string(), z.string()),
  runs: z.record(z.string(), z.string()),
  /** `mtime` in seconds since 1970. */
  archives: z.array(z.object({ path: z.string(), size: z.number(), mtime: z.number() })),
  access: z.object({ session: z.string(), token: z.string(), password: z.string() }),
  origins: z.record(z.string(), z.string()),
})
export type Recorded = z.infer<typeof recordedSchema>

export type Installation = {
  readonly recorded: Recorded
  readonly vault: Vault
  /** Added to the times of the recording, in ms. */
  readonly shiftMs: number
  /** The ID of a recorded run by its name in recorded.json. */
  runId(name: string): string
  accountId(name: string): string
}

const FOLDER = dirname(fileURLToPath(import.meta.url))
const MIGRATIONS: Readonly<Record<string, Record<string, Migration>>> = {
  f485751: { '0001-initial': initial, '0002-access': access, '0003-pages': pages },
}
/** The recording was as long ago, in ms, when it is laid out. */
const AGE_MS = 3_600_000

/** Fills an empty database with the version's schema and rows, as if they had been recorded an hour ago. */
export async function layOutRows(db: Db, version: string, backupRoot: string): Promise<Installation> {
  const folder = join(FOLDER, version)
  const recorded = recordedSchema.parse(JSON.parse(await readFile(join(folder, 'recorded.json'), 'utf8')))
  const shiftMs = Date.now() - AGE_MS - Date.parse(recorded.recorded_at)
  const migrations = MIGRATIONS[version] ?? {}
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  const kept = await readFile(join(folder, 'rows.sql'), 'utf8')
  const rows = shiftTimes(kept, shiftMs).replaceAll('{BACKUP_ROOT}', backupRoot)
  for (const statement of rows.split(/;\n(?=insert|select|$)/)) {
    if (statement !== '') await sql.raw(statement).execute(db)
  }
  const keys = (await readFile(keyFile(version), 'utf8')).trim().split('\n')
  const named = (names: Readonly<Record<string, string>>) => (name: string) => {
    const id = names[name]
    if (id === undefined) throw new Error(`nothing was recorded as ${name}`)
    return id
  }
  const { runs, accounts } = recorded
  return { recorded, shiftMs, vault: openVault(keys), runId: named(runs), accountId: named(accounts) }
}

/** Where the key file of the version is kept. */
export function keyFile(version: string): string {
  return join(FOLDER, version, 'secret.key')
}

const TIME = /(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d:\d\d(?:\.\d+)?)(\+00(?::00)?|Z)/g

/** Moves every time in a text, whether it is a column or stands in JSON. */
export function shiftTimes(text: string, byMs: number): string {
  return text.replaceAll(TIME, (_, day: string, between: string, time: string, zone: string) => {
    const shifted = new Date(Date.parse(`${day}T${time}Z`) + byMs).toISOString()
    return `${shifted.slice(0, 10)}${between}${shifted.slice(11, -1)}${zone}`
  })
}

/** Writes the archives again, with their times, and the links of those that were kept. */
export async function layOutArchives(db: Db, { archives }: Recorded, backupRoot: string): Promise<void> {
  for (const { path, size, mtime } of archives) {
    const absolute = join(backupRoot, path)
    await mkdir(dirname(absolute), { recursive: true })
    await writeFile(absolute, archiveContent(path, size))
    await utimes(absolute, mtime, mtime)
  }
  const { rows } = await sql<{ archive_path: string; pin_path: string }>`
    select archive_path, pin_path from runs where pin = 'linked'`.execute(db)
  for (const { archive_path, pin_path } of rows) {
    await mkdir(dirname(pin_path), { recursive: true })
    await link(archive_path, pin_path)
  }
}

/** Writes the file of the embedded Temporal server into its folder. */
export async function layOutTemporal(version: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  const packed = await readFile(join(FOLDER, version, 'temporal.db.gz'))
  await writeFile(join(directory, 'temporal.db'), gunzipSync(packed))
}
