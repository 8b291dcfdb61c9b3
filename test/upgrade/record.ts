// Records what an installation of the checked-out version leaves behind, for tests that upgrade it: rows, key, workflow
// histories and the file of the embedded Temporal server (README.md beside this file says how to run it). The program runs as
// its users start it, against the emulated clouds, and is killed in the middle of an upload.

import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Client, Connection } from '@temporalio/client'
import { appendAudit } from '../../db/audit.ts'
import { type Db, openDatabase } from '../../db/database.ts'
import { startEmbeddedPostgres } from '../../db/embedded.ts'
import { recordRunToStart } from '../../db/run-starts.ts'
import { findTemporalCli } from '../../temporal-dev/find-cli.ts'
import type { CloudSyncStatus } from '../../workflows/types.ts'
import { createTestAuthority, writeAuthority } from '../clouds/certificates.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import type { FaultAction } from '../clouds/faults.ts'
import { EMULATORS } from '../support/clouds.ts'
import { startProgram } from '../support/program.ts'
import { until } from '../support/until.ts'
import { archiveContent } from './archive-content.ts'
import { dumpRows } from './dump-rows.ts'

const MIB = 1024 * 1024
/** Beyond every provider's way for small files, so that a session is used. */
const LARGE = 24 * MIB + 4321
const SMALL = 2_000
const FOREVER = Number.POSITIVE_INFINITY
const HOST_QUEUE = 'cloud-host7'
const PASSWORD = 'four seagulls above'
const FULL = {
  kind: 'status',
  status: 409,
  body: {
    error_summary: 'path/insufficient_space/.',
    error: { '.tag': 'path', reason: { '.tag': 'insufficient_space' } },
  },
} satisfies FaultAction
const quiet = { info: () => undefined, warn: () => undefined }
const run = promisify(execFile)

type Run = {
  id: string
  instance: string
  cloud_status: string
  sync_finished_at: string | null
  cloud_sync_status: CloudSyncStatus
}
type Archive = { path: string; size: number; mtime: number }
type Recorded = { histories: Set<string>; archives: Archive[]; runs: Record<string, string> }

const version = (await run('git', ['rev-parse', '--short', 'HEAD'])).stdout.trim()
const target = join(dirname(fileURLToPath(import.meta.url)), version)
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
const clouds: readonly CloudDouble[] = [google, dropbox, onedrive]
const recorded: Recorded = { histories: new Set(), archives: [], runs: {} }
const program = await startProgram({
  DATA_DIR: dataDir,
  ADMIN_PASSWORD: PASSWORD,
  ARCHIVE_TASK_QUEUE: HOST_QUEUE,
  NODE_EXTRA_CA_CERTS: await writeAuthority(authority, directory),
  ...Object.assign({}, ...clouds.map((cloud) => cloud.env)),
})
const temporal = new Client({ connection: await Connection.connect({ address: program.temporalAddress }) })

const accounts = await orEnd(makeAccounts)
const access = await orEnd(record)
await saveRows()
await saveTemporal()
await Promise.all(clouds.map((cloud) => cloud.close()))
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
  await makeInstances()
  const made = await makeAccess()
  await settledRuns()
  await openRuns()
  for (const workflowId of recorded.histories) await saveHistory(workflowId)
  await crash()
  return made
}

async function post<T = Record<string, unknown>>(path: string, body?: unknown): Promise<T> {
  const answer = await program.api<T>('POST', path, body)
  if (answer.status >= 300) throw new Error(`POST ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

async function makeAccounts() {
  const make = async (name: string, { kind, credentials, settings }: CloudDouble) => {
    const { id } = await post<{ id: string }>('/api/accounts', {
      name,
      provider: kind,
      credentials,
      settings,
    })
    await post(`/api/accounts/${id}/check`)
    return id
  }
  const made = {
    drive: await make('Drive of the company', google),
    dropbox: await make('Dropbox', dropbox),
    onedrive: await make('OneDrive', onedrive),
    branch: await make('Dropbox of the branch', dropbox),
    resting: await make('Dropbox that rests', dropbox),
  }
  // A check that failed.
  const broken = await post<{ id: string }>('/api/accounts', {
    name: 'Dropbox without access',
    provider: 'dropbox',
    credentials: { refresh_token: 'revoked', app_key: 'testappkey' },
  })
  await post(`/api/accounts/${broken.id}/check`)
  return { ...made, broken: broken.id }
}

async function makeInstances(): Promise<void> {
  const { drive, dropbox: main, onedrive: one, branch, resting, broken } = accounts
  const instances: Record<string, readonly Record<string, unknown>[]> = {
    acme: [
      { account_id: drive, keep_last: 2 },
      { account_id: main },
      { account_id: one, keep_last: 1, retention_scope: 'own' },
    ],
    globex: [{ account_id: main, remote_path: '/dbs/{instance_slug}/{database}/', keep_last: 3 }],
    initech: [
      { account_id: branch, remote_path: '/branch/{instance_slug}/', keep_last: 1 },
      { account_id: broken, enabled: false },
    ],
    umbrella: [],
    'wayne-ent': [{ account_id: resting }, { account_id: drive }],
    large: [{ account_id: drive }, { account_id: main }, { account_id: one }],
  }
  for (const [slug, bindings] of Object.entries(instances)) {
    await post('/api/instances', { slug, name: `The instance ${slug}` })
    for (const binding of bindings) await post(`/api/instances/${slug}/bindings`, binding)
  }
}

/** A person who is logged in, people who may do less, tokens, and a login that failed. */
async function makeAccess() {
  await post('/api/users', { username: 'olga', password: PASSWORD, role: 'operator' })
  await post('/api/users', { username: 'victor', password: PASSWORD, role: 'viewer' })
  const login = (username: string, password: string) =>
    fetch(`${program.url}/api/session`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' },
      body: JSON.stringify({ username, password }),
    })
  const loggedIn = await login('admin', PASSWORD)
  if (loggedIn.status !== 201) throw new Error(`login: ${await loggedIn.text()}`)
  await login('mallory', 'guessed')
  const scopes = ['read', 'runs:write']
  const expires_at = new Date(Date.now() + 90 * 86_400_000).toISOString()
  const { token } = await post<{ token: string }>('/api/tokens', { name: 'orchestrator', scopes })
  await post('/api/tokens', { name: 'dashboard', scopes: ['read'], expires_at })
  const session = /=([^;]+)/.exec(loggedIn.headers.getSetCookie()[0] ?? '')?.[1]
  // Without the prefix by which scanners know a token: these are worth nothing to anybody.
  return { session, token: token.replace('cloudsync_', ''), password: PASSWORD }
}

async function writeArchive(path: string, size: number): Promise<string> {
  const absolute = join(backupRoot, path)
  await mkdir(dirname(absolute), { recursive: true })
  await writeFile(absolute, archiveContent(path, size))
  // Whole seconds, so that the time can be set again exactly.
  const mtime = Math.floor(Date.now() / 1000) - 60
  await utimes(absolute, mtime, mtime)
  recorded.archives.push({ path, size, mtime })
  return path
}

async function report(name: string, body: Record<string, unknown>): Promise<Run> {
  const reported = await post<Run>('/api/runs', body)
  recorded.runs[name] = reported.id
  return reported
}

async function getRun(id: string): Promise<Run> {
  return (await program.api<Run>('GET', `/api/runs/${id}`)).body
}

async function settled({ id }: Pick<Run, 'id'>, expected = 'uploaded'): Promise<void> {
  const { cloud_status, cloud_sync_status } = await until(
    `run ${id} is settled`,
    async () => {
      const found = await getRun(id)
      return found.cloud_status === 'pending' ? null : found
    },
    120_000,
  )
  if (cloud_status !== expected) throw new Error(`${cloud_status}: ${JSON.stringify(cloud_sync_status)}`)
}

function remember(
  name: string,
  { id }: Pick<Run, 'id'>,
  instance: string,
  /** The run itself, its pin, or the account of a destination. */
  kinds: readonly string[],
) {
  for (const kind of kinds) {
    const parent = `cloud-sync/${instance}/${id}`
    const workflowId =
      kind === 'run' ? parent : kind === 'pin' ? `cloud-sync-pin/${instance}/${id}` : `${parent}/${kind}`
    recorded.histories.add(`${name}\n${kind}\n${workflowId}`)
  }
}

function strike(cloud: CloudDouble, action: FaultAction, operation?: string, times = FOREVER): void {
  cloud.server.faults.add({ ...(operation === undefined ? {} : { operation }), times, action })
}

async function settledRuns(): Promise<void> {
  const { drive, dropbox: main, onedrive: one, branch } = accounts
  // Uploaded everywhere three times; old copies go at two accounts.
  for (const day of ['01', '02', '03']) {
    const archive = await writeArchive(`acme/acme_2026-11-${day}.dump`, SMALL)
    const finished_at = new Date(Date.now() - 60_000).toISOString()
    const done = await report(`uploaded-${day}`, { instance: 'acme', archive, finished_at })
    await settled(done)
    if (day === '03') remember('pruned', done, 'acme', ['run', drive, main])
  }
  const prod = { instance: 'globex', database: 'prod 17' }
  const dumped = await report('database', {
    ...prod,
    archive: await writeArchive('globex/globex.dump', SMALL),
  })
  await settled(dumped)
  const none = await report('none', {
    instance: 'umbrella',
    archive: await writeArchive('umbrella/umbrella.zip', SMALL),
  })
  await settled(none, 'none')
  remember('none', none, 'umbrella', ['run'])

  // One destination fails: its copy differs twice.
  strike(onedrive, { kind: 'own', name: 'flip_bit' })
  const differs = await report('one-failed', {
    instance: 'acme',
    archive: await writeArchive('acme/acme_2026-11-04.zip', LARGE),
  })
  await settled(differs, 'failed')
  remember('hash-mismatch', differs, 'acme', ['run', one, 'pin'])
  onedrive.server.faults.clear()

  // All fail for want of room.
  strike(dropbox, FULL, 'upload')
  const full = await report('failed', {
    instance: 'initech',
    archive: await writeArchive('initech/initech_1.tar.gz', SMALL),
  })
  await settled(full, 'failed')
  remember('failed', full, 'initech', ['run', branch, 'pin'])
  dropbox.server.faults.clear()

  // The archive is not there: the API would say so at once, another client is told by the workflow.
  const gone = { instance: 'initech', run_id: 'archive-missing', archive: 'initech/gone.zip' }
  await temporal.workflow
    .execute('cloudSyncWorkflow', {
      workflowId: `cloud-sync/initech/${gone.run_id}`,
      taskQueue: 'cloud',
      args: [gone],
    })
    .catch(() => undefined)
  recorded.runs['archive-missing'] = gone.run_id
  remember('archive-missing', { id: gone.run_id }, 'initech', ['run'])

  // The listing lacks the new file: nothing is deleted.
  const before = await report('before', {
    instance: 'initech',
    archive: await writeArchive('initech/initech_2.zip', SMALL),
  })
  await settled(before)
  strike(dropbox, { kind: 'own', name: 'stale_list', value: 1 }, 'list')
  const skipped = await report('prune-skipped', {
    instance: 'initech',
    archive: await writeArchive('initech/initech_3.zip', SMALL),
  })
  await settled(skipped)
  dropbox.server.faults.clear()
  remember('prune-skipped', skipped, 'initech', [branch])

  // A host's own queue.
  const hosted = await report('host-queue', {
    instance: 'initech',
    archive: await writeArchive('initech/initech_4.zip', SMALL),
    archive_task_queue: HOST_QUEUE,
  })
  await settled(hosted)
  remember('host-queue', hosted, 'initech', ['run', branch])

  // Cancelled as a whole, in the middle of an upload that was tried again before.
  strike(dropbox, { kind: 'status', status: 503 }, 'open', 1)
  strike(dropbox, { kind: 'stall_after', bytes: 1_000 }, 'chunk')
  const cancelled = await report('cancelled', {
    instance: 'globex',
    database: 'prod 17',
    archive: await writeArchive('globex/large.dump', LARGE),
  })
  await hangs(dropbox)
  await post(`/api/runs/${cancelled.id}/cancel`)
  await settled(cancelled, 'failed')
  remember('cancelled', cancelled, 'globex', ['run', main])
  dropbox.server.faults.clear()

  // One child alone is cancelled, from outside.
  strike(google, { kind: 'stall_after', bytes: 1_000 }, 'chunk')
  const oneCancelled = await report('child-cancelled', {
    instance: 'acme',
    archive: await writeArchive('acme/large.dump', LARGE),
  })
  await hangs(google)
  await temporal.workflow.getHandle(`cloud-sync/acme/${oneCancelled.id}/${drive}`).cancel()
  await settled(oneCancelled, 'failed')
  remember('child-cancelled', oneCancelled, 'acme', ['run', drive])
  google.server.faults.clear()
}

async function openRuns(): Promise<void> {
  const { drive, dropbox: main, onedrive: one, resting } = accounts
  // A provider that asks for a long pause: the upload waits for its turn.
  strike(dropbox, { kind: 'status', status: 429, headers: { 'Retry-After': '86400' } }, 'upload', 1)
  const waits = await report('paused', {
    instance: 'wayne-ent',
    archive: await writeArchive('wayne-ent/wayne.zip', SMALL),
    account_ids: [resting],
  })
  await until('the account rests', async () => {
    const state = (await getRun(waits.id)).cloud_sync_status[resting]
    return state?.status === 'retrying' ? true : null
  })
  remember('paused', waits, 'wayne-ent', ['run', resting])

  // A host that nobody serves.
  const unserved = await report('unserved-queue', {
    instance: 'wayne-ent',
    archive: await writeArchive('wayne-ent/elsewhere.zip', SMALL),
    archive_task_queue: 'cloud-host9',
  })
  remember('unserved-queue', unserved, 'wayne-ent', ['run'])

  // Uploads that stop in their middle, with bytes at the provider.
  strike(google, { kind: 'reset_after', bytes: 12 * MIB }, 'chunk', 1)
  for (const cloud of clouds) {
    const after = cloud === google ? 0 : 2
    cloud.server.faults.add({
      operation: 'chunk',
      after,
      times: FOREVER,
      action: { kind: 'stall_after', bytes: MIB },
    })
  }
  for (const cloud of clouds) cloud.server.forgetRequests()
  const large = await report('stopped', {
    instance: 'large',
    archive: await writeArchive('large/large.dump', LARGE),
  })
  await Promise.all(clouds.map(hangs))
  await until('bytes are stored everywhere', async () => {
    const sent = Object.values((await getRun(large.id)).cloud_sync_status).map(({ bytes_sent }) => bytes_sent)
    return sent.length === 3 && sent.every((bytes) => bytes > 4 * MIB) ? true : null
  })
  remember('stopped', large, 'large', ['run', drive, main, one])
}

function hangs(cloud: CloudDouble): Promise<true> {
  return until(`an upload to ${cloud.kind} hangs`, async () =>
    cloud.server.requests.some(({ fault, status }) => fault === 'stall_after' && status === 0) ? true : null,
  )
}

/** As `kill -9` of everything at once. */
async function crash(): Promise<void> {
  const note = await readFile(join(dataDir, 'temporal', 'server.pid'), 'utf8')
  const { pid } = JSON.parse(note) as { pid: number }
  await program.crash()
  process.kill(pid, 'SIGKILL')
  await temporal.connection.close()
}

/** What the API writes before it turns to Temporal: the process died in between. */
async function oweStart(db: Db): Promise<void> {
  const archive = await writeArchive('acme/acme_2026-11-05.dump', SMALL)
  const id = 'owed'
  recorded.runs.owed = id
  await db.transaction().execute(async (trx) => {
    const workflow_id = `cloud-sync/acme/${id}`
    await recordRunToStart(trx, { id, instance_slug: 'acme', archive, workflow_id, backup_root: backupRoot })
    const details = { archive }
    await appendAudit(trx, {
      actor: 'token',
      event: 'run_recorded',
      instance_slug: 'acme',
      run_id: id,
      details,
    })
  })
}

async function saveHistory(entry: string): Promise<void> {
  const [name, kind, workflowId = ''] = entry.split('\n')
  const asked = [
    'workflow',
    'show',
    '--address',
    program.temporalAddress,
    '-w',
    workflowId,
    '--output',
    'json',
  ]
  const { stdout } = await run(cli, asked, { maxBuffer: 64 * MIB })
  const file =
    kind === 'run' || kind === 'pin' ? `${name}.${kind}` : `${name}.destination-${accountName(kind)}`
  await writeFile(join(histories, `${file}.json`), `${JSON.stringify(JSON.parse(stdout))}\n`)
}

function accountName(id: string | undefined): string {
  return Object.entries(accounts).find(([, known]) => known === id)?.[0] ?? 'unknown'
}

async function saveRows(): Promise<void> {
  const postgres = await startEmbeddedPostgres({ directory: join(dataDir, 'postgres'), log: quiet })
  const db = openDatabase(postgres.url, { log: quiet })
  await oweStart(db)
  // The folder of archives is another one wherever the rows are loaded.
  const rows = (await dumpRows(db)).replaceAll(backupRoot, '{BACKUP_ROOT}')
  await db.destroy()
  await postgres.stop()
  await writeFile(join(target, 'rows.sql'), rows)
  await copyFile(join(dataDir, 'secret.key'), join(target, 'secret.key'))
  const { archives, runs } = recorded
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
