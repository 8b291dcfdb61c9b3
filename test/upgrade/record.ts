// Records what an installation of the checked-out version leaves behind, for tests that upgrade it: rows, key, workflow
// histories and the file of the embedded Temporal server (README.md beside this file says how to run it). The program runs as
// its users start it, against the emulated clouds, and is killed in the middle of an upload.

import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Client, Connection } from '@temporalio/client'
import { openDatabase } from '../../db/database.ts'
import { startEmbeddedPostgres } from '../../db/embedded/server.ts'
import { findTemporalCli } from '../../temporal-dev/cli/find-cli.ts'
import { createTestAuthority, writeAuthority } from '../clouds/certificates.ts'
import { EMULATORS } from '../support/clouds.ts'
import { startProgram } from '../support/program.ts'
import { dumpRows } from './dump-rows.ts'
import { openRuns, oweStart } from './open-runs.ts'
import { type History, HOST_QUEUE, MIB, Recording } from './recording.ts'
import { makeAccess, makeAccounts, makeInstances, PASSWORD } from './set-up.ts'
import { settledRuns } from './settled-runs.ts'

/** Histories contain the path of the program, in stacks of failures: it is to say nothing of the machine. */
const PLACE = '/opt/cloud-sync'
const FOLDER = dirname(fileURLToPath(import.meta.url))
const quiet = { info: () => undefined, warn: () => undefined }
const run = promisify(execFile)

if (dirname(dirname(FOLDER)) !== PLACE) {
  process.stderr.write(
    `This records only in ${PLACE}, because histories contain the path of the program: test/upgrade/README.md says how.\n`,
  )
  process.exit(1)
}

const version = (await run('git', ['rev-parse', '--short', 'HEAD'])).stdout.trim()
const target = join(FOLDER, version)
const histories = join(target, 'histories')
await rm(target, { recursive: true, force: true })
await mkdir(histories, { recursive: true })
const directory = await mkdtemp(join(tmpdir(), 'cloud-sync-recorded-'))
const dataDir = join(directory, 'data')
const backupRoot = join(dataDir, 'backups')
const cli = await findTemporalCli({ environment: process.env, log: quiet })
const authority = await createTestAuthority()
const [google, dropbox, onedrive] = [
  await EMULATORS.google_drive(authority),
  await EMULATORS.dropbox(authority),
  await EMULATORS.onedrive(authority),
]
const program = await startProgram({
  DATA_DIR: dataDir,
  ADMIN_PASSWORD: PASSWORD,
  ARCHIVE_TASK_QUEUE: HOST_QUEUE,
  // It is the only program: runs that name no queue are its own too.
  SHARED_ARCHIVES: '1',
  NODE_EXTRA_CA_CERTS: await writeAuthority(authority, directory),
  ...Object.assign({}, google.env, dropbox.env, onedrive.env),
})
const temporal = new Client({ connection: await Connection.connect({ address: program.temporalAddress }) })
const recording = new Recording({ program, temporal, backupRoot, google, dropbox, onedrive })

const accounts = await orEnd(() => makeAccounts(recording))
const access = await orEnd(record)
await saveRows()
await saveTemporal()
await Promise.all(recording.clouds.map((cloud) => cloud.close()))
await rm(directory, { recursive: true, force: true })

/** Whatever goes wrong, the program does not outlive this script. */
async function orEnd<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    await program.stop()
    throw error
  }
}

async function record() {
  await makeInstances(recording, accounts)
  const made = await makeAccess(recording)
  await settledRuns(recording, accounts)
  await openRuns(recording, accounts)
  for (const history of recording.histories) await saveHistory(history)
  await crash()
  return made
}

/** As `kill -9` of everything at once. */
async function crash(): Promise<void> {
  const note = await readFile(join(dataDir, 'temporal', 'server.pid'), 'utf8')
  const { pid } = JSON.parse(note) as { pid: number }
  await program.crash()
  process.kill(pid, 'SIGKILL')
  await temporal.connection.close()
}

async function saveHistory({ name, kind, workflowId }: History): Promise<void> {
  const server = ['--address', program.temporalAddress]
  const asked = ['workflow', 'show', ...server, '-w', workflowId, '--output', 'json']
  const { stdout } = await run(cli, asked, { maxBuffer: 64 * MIB })
  const file =
    kind === 'run' || kind === 'pin' ? `${name}.${kind}` : `${name}.destination-${accountName(kind)}`
  await writeFile(join(histories, `${file}.json`), `${JSON.stringify(JSON.parse(stdout))}\n`)
}

function accountName(id: string): string {
  return Object.entries(accounts).find(([, known]) => known === id)?.[0] ?? 'unknown'
}

async function saveRows(): Promise<void> {
  const postgres = await startEmbeddedPostgres({ directory: join(dataDir, 'postgres'), log: quiet })
  const db = openDatabase(postgres.url, { log: quiet })
  await oweStart(recording, db)
  // The folder of archives is another one wherever the rows are loaded.
  const rows = (await dumpRows(db)).replaceAll(backupRoot, '{BACKUP_ROOT}')
  await db.destroy()
  await postgres.stop()
  await writeFile(join(target, 'rows.sql'), rows)
  await copyFile(join(dataDir, 'secret.key'), join(target, 'secret.key'))
  const { archives, runs, clouds } = recording
  const origins = Object.fromEntries(clouds.map(({ kind, server }) => [kind, server.origin]))
  const facts = { version, recorded_at: new Date().toISOString(), accounts, runs, archives, access, origins }
  await writeFile(join(target, 'recorded.json'), `${JSON.stringify(facts, null, 2)}\n`)
}

/** Without its log of writes, and packed: most of it is empty. */
async function saveTemporal(): Promise<void> {
  const path = join(dataDir, 'temporal', 'temporal.db')
  const file = new DatabaseSync(path, { enableDoubleQuotedStringLiterals: true })
  file.exec('pragma wal_checkpoint(truncate)')
  file.exec('vacuum')
  file.close()
  await writeFile(join(target, 'temporal.db.gz'), gzipSync(await readFile(path), { level: 9 }))
}
