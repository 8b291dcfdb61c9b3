// The program under measurement: its worker (`activities/worker.ts`) as a process of its own with a real PostgreSQL and a
// real Temporal server, and uploads started as an outside client starts them.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { createAccount } from '../../db/accounts/accounts.ts'
import { type Db, openDatabase } from '../../db/database.ts'
import { startEmbeddedPostgres } from '../../db/embedded/server.ts'
import { createBinding } from '../../db/instances/bindings.ts'
import { createInstance } from '../../db/instances/instances.ts'
import { prepareDatabase } from '../../db/prepare.ts'
import { loadConfig } from '../../db/process/config.ts'
import { createLogger } from '../../db/process/log.ts'
import type { Vault } from '../../db/secrets/vault.ts'
import { listAttempts } from '../../db/uploads/attempts.ts'
import { findTemporalCli } from '../../temporal-dev/cli/find-cli.ts'
import { prepareNamespace } from '../../temporal-dev/server/search-attributes.ts'
import { startTemporalServer } from '../../temporal-dev/server/server.ts'
import type { cloudSyncWorkflow } from '../../workflows/cloud-sync.ts'
import { CLOUD_SYNC_WORKFLOW } from '../../workflows/messages.ts'
import { runWorkflowId } from '../../workflows/workflow-ids.ts'
import type { BenchContext } from './context.ts'
import type { CloudFacts } from './emulator-messages.ts'
import { plainEnvironment } from './environment.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const READY_MS = 60_000
const STOP_MS = 30_000
const quiet = { info: () => undefined, warn: (message: string) => process.stderr.write(`${message}\n`) }

export type UploadFigures = {
  /** From the start of the workflow until its result is there: record, link, upload, verification, retention. */
  readonly wallMs: number
  /** From the beginning of the first upload activity to the end of the last one. */
  readonly uploadMs: number
  /** Bytes that the activities handed to the network. */
  readonly sentBytes: number
  readonly attempts: number
}

export interface Rig {
  readonly backupRoot: string
  /** The worker's process. */
  readonly pid: number
  /** An instance that is bound to an account at each of these clouds; returns its slug. */
  bind(slug: string, clouds: readonly CloudFacts[]): Promise<string>
  /** Uploads the archive (a path below `backupRoot`) to every cloud of the instance; rejects when one copy is not whole. */
  upload(instance: string, archive: string, deadlineMs: number): Promise<UploadFigures>
}

/** `environment`: of the worker, besides what the rig itself says (endpoints, proxy, CA). */
export async function startRig(
  { folder: directory, atEnd }: Pick<BenchContext, 'folder' | 'atEnd'>,
  environment: Readonly<Record<string, string>>,
): Promise<Rig> {
  const dataDir = join(directory, 'data')
  // PostgreSQL may run as another user, who has to get through.
  await mkdir(dataDir, { mode: 0o711 })
  const postgres = await startEmbeddedPostgres({ directory: join(dataDir, 'postgres'), log: quiet })
  atEnd(postgres.stop)
  const temporal = await startTemporal(join(dataDir, 'temporal'), atEnd)
  const settings = {
    DATA_DIR: dataDir,
    DATABASE_URL: postgres.url,
    TEMPORAL_ADDRESS: temporal.address,
    LOG_LEVEL: 'warn',
  }
  const config = loadConfig(settings)
  await mkdir(config.backupRoot, { recursive: true })
  const log = createLogger(config)
  const db = openDatabase(postgres.url, { log, applicationName: 'cloud-sync-bench' })
  atEnd(() => db.destroy())
  const vault = await prepareDatabase(config, db, log)
  const worker = await startWorker({ ...environment, ...settings }, atEnd)
  const connection = await Connection.connect({ address: temporal.address })
  const ending = new AbortController()
  let uploading: Promise<unknown> = Promise.resolve()
  atEnd(async () => {
    // A call that still waits would try again on the closed connection, and throw where nobody catches it.
    ending.abort()
    await Promise.allSettled([uploading])
    await connection.close()
  })
  const client = new Client({ connection, namespace: temporal.namespace })
  return {
    backupRoot: config.backupRoot,
    pid: worker.pid ?? 0,
    bind: (slug, clouds) => bind(db, vault, slug, clouds),
    upload: (instance, archive, deadlineMs) => {
      const figures = client.withAbortSignal(ending.signal, () =>
        upload({ db, client, taskQueue: config.taskQueue }, instance, archive, deadlineMs),
      )
      uploading = figures
      return figures
    },
  }
}

async function startTemporal(directory: string, atEnd: BenchContext['atEnd']) {
  const cli = await findTemporalCli({ environment: process.env, log: quiet })
  const server = await startTemporalServer({
    ...{ cli, directory, log: quiet },
    ...{ port: 0, portAsked: false, uiPort: 0, uiPortAsked: false },
  })
  atEnd(server.stop)
  const connection = await Connection.connect({ address: server.address })
  await prepareNamespace(connection, server.namespace)
  await connection.close()
  return server
}

async function startWorker(
  environment: Readonly<Record<string, string>>,
  atEnd: BenchContext['atEnd'],
): Promise<ChildProcess> {
  const lifeline = pathToFileURL(join(ROOT, 'test', 'demo', 'end-with-demo.ts')).href
  const script = join(ROOT, 'activities', 'worker.ts')
  const child = spawn(process.execPath, [...process.execArgv, '--import', lifeline, script], {
    cwd: ROOT,
    env: { ...plainEnvironment(), ...environment, LOG_LEVEL: 'info' },
    stdio: ['pipe', 'inherit', 'pipe'],
  })
  const gone = once(child, 'exit')
  atEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await gone
    clearTimeout(force)
  })
  await new Promise<void>((resolve, reject) => {
    let said = ''
    const timer = setTimeout(() => reject(new Error(`the worker was not ready in time:\n${said}`)), READY_MS)
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-20_000)
      for (const line of text.split('\n')) if (/"level":"(warn|error|fatal)"/.test(line)) quiet.warn(line)
      if (!said.includes('the worker is ready')) return
      clearTimeout(timer)
      resolve()
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`the worker ended with ${code}:\n${said}`))
    })
  })
  return child
}

async function bind(db: Db, vault: Vault, slug: string, clouds: readonly CloudFacts[]): Promise<string> {
  await createInstance(db, { slug, name: slug })
  for (const { kind, credentials, settings } of clouds) {
    const account = await createAccount(db, vault, {
      ...{ name: `${kind} of ${slug}`, provider: kind, credentials, settings },
    })
    await createBinding(db, { instance_slug: slug, account_id: account.id })
  }
  return slug
}

type Outside = { readonly db: Db; readonly client: Client; readonly taskQueue: string }

async function upload(
  { db, client, taskQueue }: Outside,
  instance: string,
  archive: string,
  deadlineMs: number,
): Promise<UploadFigures> {
  const runId = archive.replaceAll(/[^A-Za-z0-9.-]/g, '-')
  const workflowId = runWorkflowId(instance, runId)
  const startedAt = performance.now()
  const handle = await client.workflow.start<typeof cloudSyncWorkflow>(CLOUD_SYNC_WORKFLOW, {
    taskQueue,
    workflowId,
    args: [{ instance, archive, run_id: runId }],
  })
  const result = await client.withDeadline(Date.now() + deadlineMs, () => handle.result())
  const wallMs = performance.now() - startedAt
  if (result.status !== 'uploaded')
    throw new Error(`the upload to ${instance} failed: ${JSON.stringify(result.destinations)}`)
  const attempts = await listAttempts(db, runId)
  const begins = attempts.map(({ started_at }) => Date.parse(started_at))
  const ends = attempts.map(({ finished_at }) => Date.parse(finished_at ?? ''))
  return {
    wallMs,
    uploadMs: Math.max(...ends) - Math.min(...begins),
    sentBytes: attempts.reduce((sum, { bytes_sent }) => sum + bytes_sent, 0),
    attempts: attempts.length,
  }
}
