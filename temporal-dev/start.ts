// `npm start`: everything on one machine, in the order database → Temporal → workers → API, and stopped the other way
// round. With DATABASE_URL or TEMPORAL_ADDRESS set, that server is used instead of the embedded one. A part that ends by
// itself ends the whole, with a code that makes a service manager start it again. The one place outside api/ that knows
// api/, activities/ and the embedded servers at once; it lies here because it is for one machine, as they are.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { createLocalArchives } from '../activities/archives/inspect-archive.ts'
import { abortable } from '../activities/http/abortable.ts'
import { connectWorker, installRuntime } from '../activities/worker/temporal-runtime.ts'
import { startWorkers, workerPoolSize } from '../activities/worker/workers.ts'
import { startApi } from '../api/server.ts'
import { connectTemporal } from '../api/temporal/client.ts'
import { openDatabase } from '../db/database.ts'
import { startEmbeddedPostgres } from '../db/embedded/server.ts'
import { errnoOf } from '../db/machine/errno.ts'
import { prepareDatabase } from '../db/prepare.ts'
import { type Config, loadConfig } from '../db/process/config.ts'
import { createLogger, type Logger } from '../db/process/log.ts'
import { startFailureText } from '../db/process/start-failure.ts'
import { StartupError } from '../db/process/startup-error.ts'
import { findTemporalCli } from './cli/find-cli.ts'
import { lockDataDir } from './data-lock.ts'
import { prepareNamespace } from './server/search-attributes.ts'
import { startTemporalServer } from './server/server.ts'
import { createStops, Interrupted, onStopSignals, type Stops } from './stops.ts'

/** As a shell counts an end by SIGINT. */
const INTERRUPTED = 130

async function main(): Promise<void> {
  const config = loadConfig()
  const log = createLogger(config)
  const interrupt = new AbortController()
  const stops = createStops(log, interrupt.signal)
  let isStarting = true
  const end = async () => {
    // Also for a start that fails: a program that waits for the data folder learns that it will be free.
    interrupt.abort(new Interrupted())
    await stops.stopAll()
  }
  onStopSignals(log, () => {
    interrupt.abort(new Interrupted())
    // The start under way ends at its step, and what that brought up must be taken down as well.
    if (!isStarting) void end().then(() => exit(0))
  })
  try {
    await start(config, log, stops, interrupt.signal)
    isStarting = false
    // Between the last step and here.
    if (interrupt.signal.aborted) throw new Interrupted()
  } catch (error) {
    await end()
    if (error instanceof Interrupted) exit(INTERRUPTED)
    throw error
  }
}

/** Temporal's runtime, or an activity that does not end, would keep the process alive. */
function exit(code: number): never {
  process.exit(process.exitCode ?? code)
}

async function start(config: Config, log: Logger, stops: Stops, signal: AbortSignal): Promise<void> {
  // As root, PostgreSQL runs as a user of its own, which must be able to pass through this folder.
  await makeFolder('DATA_DIR', config.dataDir, process.getuid?.() === 0 ? 0o711 : 0o700)
  const plainLog = {
    info: (message: string) => log.info(message),
    warn: (message: string) => log.warn(message),
  }
  const lock = await lockDataDir(config.dataDir, { log: plainLog, signal })
  signal.addEventListener('abort', () => void lock.noteStopping())
  stops.push({ what: 'data folder', stop: lock.release })
  void lock.lost.then(() => endBecause(log, `another program has taken ${config.dataDir} over`))
  await makeFolder('BACKUP_ROOT', config.backupRoot, 0o755)

  const embeddedDeps = { config, log, plainLog, stops, signal }
  const databaseUrl = config.databaseUrl ?? (await embeddedDatabase(embeddedDeps))
  const db = openDatabase(databaseUrl, { log, poolSize: workerPoolSize(config) })
  stops.push({ what: 'database connections', stop: () => db.destroy() })
  // Pages and event streams have connections of their own, so that they and the uploads never wait for each other.
  const apiDb = openDatabase(databaseUrl, { log, applicationName: 'cloud-sync-api' })
  stops.push({ what: 'database connections of the API', stop: () => apiDb.destroy() })
  const vault = await abortable(() => prepareDatabase(config, db, log), signal)

  installRuntime(log)
  const embedded = config.temporalAddress === null ? await embeddedTemporal(embeddedDeps) : null
  const temporal = await abortable(() => connectWorker(embedded?.address ?? null), signal)
  stops.push({ what: 'Temporal connection', stop: () => temporal.connection.close() })
  const workers = await startWorkers({ config, db, vault, log, temporal })
  stops.push({ what: 'workers', stop: workers.stop })
  workers.running.catch((error: unknown) => endBecause(log, 'a worker failed', error))

  const client = connectTemporal({
    ...(embedded === null ? {} : { address: embedded.address }),
    namespace: temporal.namespace,
    taskQueue: config.taskQueue,
  })
  const temporalUi = embedded === null ? null : { url: embedded.uiUrl, namespace: embedded.namespace }
  const api = await startApi({
    config,
    db: apiDb,
    temporal: client,
    vault,
    log,
    archives: createLocalArchives({ db: apiDb, config }),
    temporalUi,
  })
  stops.push({ what: 'API', stop: api.stop })
  log.info({ url: api.url }, 'Cloud Sync is ready')
  const lines = [`Cloud Sync     ${api.url}`, `API reference  ${api.url}/api/docs`]
  if (embedded !== null) lines.push(`Temporal       ${embedded.uiUrl}`, `Temporal gRPC  ${embedded.address}`)
  lines.push(`Archives from  ${config.backupRoot}`)
  process.stdout.write(`${lines.join('\n')}\n`)
}

async function makeFolder(variable: string, path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode })
  } catch (error) {
    throw new StartupError(
      `${variable} ${path} cannot be used as a folder (${errnoOf(error)}): choose another one.`,
    )
  }
}

type PlainLog = { info(message: string): void; warn(message: string): void }

type EmbeddedDeps = {
  readonly config: Config
  readonly log: Logger
  readonly plainLog: PlainLog
  readonly stops: Stops
  readonly signal: AbortSignal
}

async function embeddedDatabase({ config, log, plainLog, stops, signal }: EmbeddedDeps): Promise<string> {
  const directory = join(config.dataDir, 'postgres')
  const postgres = await startEmbeddedPostgres({ directory, log: plainLog, signal })
  stops.push({ what: 'PostgreSQL', stop: postgres.stop })
  endWith(postgres.exited, log)
  return postgres.url
}

async function embeddedTemporal({ config, log, plainLog, stops, signal }: EmbeddedDeps) {
  const cli = await abortable(
    () => findTemporalCli({ environment: process.env, log: plainLog, signal }),
    signal,
  )
  const server = await startTemporalServer({
    cli,
    directory: join(config.dataDir, 'temporal'),
    port: config.temporalPort.port,
    portAsked: config.temporalPort.asked,
    uiPort: config.temporalUiPort.port,
    uiPortAsked: config.temporalUiPort.asked,
    log: plainLog,
    signal,
  })
  stops.push({ what: 'Temporal server', stop: server.stop })
  endWith(server.exited, log)
  const connection = await Connection.connect({ address: server.address })
  await prepareNamespace(connection, server.namespace)
  await connection.close()
  return server
}

/** For a server of our own: nothing works without it, and only a new start brings it back. */
function endWith(
  exited: Promise<{ readonly expected: boolean; readonly reason: string }>,
  log: Logger,
): void {
  void exited.then(({ expected, reason }) => {
    if (!expected) endBecause(log, reason)
  })
}

function endBecause(log: Logger, reason: string, err?: unknown): void {
  log.fatal({ err }, `${reason}; ending: a new start goes on from here`)
  process.exitCode = 1
  process.kill(process.pid, 'SIGTERM')
}

main().catch((error: unknown) => {
  process.stderr.write(`${startFailureText(error)}\n`)
  // Everything is stopped; Temporal's runtime would keep the process alive without a Worker that ends it.
  process.exit(1)
})
