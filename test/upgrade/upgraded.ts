// The program of today on what an earlier version left behind, with clouds that stand in for those of the recording.

import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { Db } from '../../db/database.ts'
import { createTestAuthority, writeAuthority } from '../clouds/certificates.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { type DropboxEmulator, startDropboxEmulator } from '../clouds/dropbox/index.ts'
import { type GoogleDouble, startGoogleEmulator } from '../clouds/google/index.ts'
import { startMicrosoftEmulator } from '../clouds/microsoft/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { type RunningProgram, startProgram } from '../support/program.ts'
import { plant, secretsOf } from '../support/secrets/planted-secrets.ts'
import { archiveContent } from './archive-content.ts'
import {
  type Installation,
  keyFile,
  layOutArchives,
  layOutRows,
  layOutTemporal,
  shiftTimes,
} from './installation.ts'

export interface Upgraded {
  readonly installation: Installation
  readonly program: RunningProgram
  readonly db: Db
  readonly clouds: readonly CloudDouble[]
  readonly dropbox: DropboxEmulator
  readonly backupRoot: string
  close(): Promise<void>
}

export type UpgradeOptions = {
  /** False: the file of the Temporal server is lost. */
  readonly withTemporal: boolean
}

/** Starts the program on the data of a version. What it began is ended again when that does not succeed. */
export async function upgrade(version: string, { withTemporal }: UpgradeOptions): Promise<Upgraded> {
  const ends: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return { ...(await start(version, withTemporal, ends)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function start(
  version: string,
  withTemporal: boolean,
  ends: (() => Promise<unknown>)[],
): Promise<Omit<Upgraded, 'close'>> {
  const directory = await mkdtemp(join(tmpdir(), 'cloud-sync-upgraded-'))
  ends.push(() => rm(directory, { recursive: true, force: true }))
  const backupRoot = join(directory, 'backups')
  const database = await createTestDatabase({ migrated: false })
  ends.push(database.close)
  const { db } = database
  const authority = await createTestAuthority()
  const google = await startGoogleEmulator(authority)
  const dropbox = await startDropboxEmulator(authority)
  const clouds: readonly CloudDouble[] = [google, dropbox, await startMicrosoftEmulator(authority)]
  ends.push(() => Promise.all(clouds.map((cloud) => cloud.close())))
  plant(secretsOf(clouds))
  const installation = await layOutRows(db, version, backupRoot)
  await layOutArchives(db, installation.recorded, backupRoot)
  const key = join(directory, 'secret.key')
  await copyFile(keyFile(version), key)
  await chmod(key, 0o600)
  if (withTemporal) await layOutTemporal(version, join(directory, 'temporal'))
  await pointAccounts(db, installation, clouds)
  await pointSessions(db, installation, { google, dropbox, clouds })
  const program = await startProgram({
    DATA_DIR: directory,
    BACKUP_ROOT: backupRoot,
    DATABASE_URL: database.url,
    NODE_EXTRA_CA_CERTS: await writeAuthority(authority, directory),
    ...Object.assign({}, ...clouds.map((cloud) => cloud.env)),
  })
  ends.push(program.stop)
  return { installation, program, db, clouds, dropbox, backupRoot }
}

/** As after a change of credentials: the emulators of today have keys and folders of their own. */
async function pointAccounts(
  db: Db,
  { recorded, vault, accountId }: Installation,
  clouds: readonly CloudDouble[],
): Promise<void> {
  const broken = accountId('broken')
  for (const id of Object.values(recorded.accounts).filter((each) => each !== broken)) {
    const account = await db
      .selectFrom('cloud_accounts')
      .select('provider')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    const cloud = cloudOf(clouds, account.provider)
    const sealed_credentials = vault.seal(id, 'credentials', JSON.stringify(cloud.credentials))
    const settings = JSON.stringify(cloud.settings)
    await db
      .updateTable('cloud_accounts')
      .set({ sealed_credentials, settings })
      .where('id', '=', id)
      .execute()
  }
}

const sealedSchema = z.object({
  provider_session: z.looseObject({ session_id: z.string().optional(), file_id: z.string().nullish() }),
})

/**
 * The sessions in the rows are as young as the rows, and at the addresses of today. Dropbox knows its own, with the bytes that
 * had arrived; the others have forgotten theirs.
 */
async function pointSessions(
  db: Db,
  { recorded, vault, shiftMs }: Installation,
  { google, dropbox, clouds }: Pick<Upgraded, 'clouds' | 'dropbox'> & { readonly google: GoogleDouble },
): Promise<void> {
  const rows = await db
    .selectFrom('upload_sessions')
    .select(['run_id', 'account_id', 'sealed_session', 'stored_bytes', 'remote_folder', 'remote_name'])
    .execute()
  for (const row of rows) {
    if (row.sealed_session === null) continue
    const place = `${row.run_id}/${row.account_id}`
    let text = shiftTimes(vault.open(place, 'session', row.sealed_session), shiftMs)
    for (const [kind, origin] of Object.entries(recorded.origins)) {
      // By the port alone: they answer under several names.
      text = text.replaceAll(`:${new URL(origin).port}/`, `:${cloudOf(clouds, kind).server.port}/`)
    }
    const { session_id, file_id } = sealedSchema.parse(JSON.parse(text)).provider_session
    if (session_id !== undefined) {
      const archive = `${row.remote_folder.split('/').at(-1)}/${row.remote_name}`
      dropbox.restoreSession(session_id, archiveContent(archive, row.stored_bytes))
    }
    if (typeof file_id === 'string') google.world.adoptId(file_id)
    await db
      .updateTable('upload_sessions')
      .set({ sealed_session: vault.seal(place, 'session', text) })
      .where('run_id', '=', row.run_id)
      .where('account_id', '=', row.account_id)
      .execute()
  }
}

function cloudOf(clouds: readonly CloudDouble[], wanted: string): CloudDouble {
  const found = clouds.find(({ kind }) => kind === wanted)
  if (found === undefined) throw new Error(`no cloud plays ${wanted}`)
  return found
}
