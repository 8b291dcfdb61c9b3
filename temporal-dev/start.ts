// `npm start`: everything on one machine, in the order database → Temporal → workers → API, and stopped the other way
// round. With DATABASE_URL or TEMPORAL_ADDRESS set, that server is used instead of the embedded one. A part that ends by
// itself ends the whole, with a code that makes a service manager start it again. The one place outside api/ that knows
// api/, activities/ and the embedded servers at once; it lies here because it is for one machine, as they are.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { createLocalArchives } from '../activities/inspect-archive.ts'
import { connectWorker, installRuntime } from '../activities/temporal-runtime.ts'
import { startWorkers } from '../activities/workers.ts'
import { startApi } from '../api/server.ts'
import { connectTemporal } from '../api/temporal-client.ts'
import { type Config, loadConfig } from '../db/config.ts'
import { openDatabase } from '../db/database.ts'
import { startEmbeddedPostgres } from '../db/embedded.ts'
import { startFailureText } from '../db/error-for-people.ts'
import { createLogger, type Logger } from '../db/log.ts'
import { prepareDatabase } from '../db/prepare.ts'
import { StartupError } from '../db/startup-error.ts'
import { lockDataDir } from './data-lock.ts'
import { findTemporalCli } from './find-cli.ts'
import { startTemporalServer } from './server.ts'
import { prepareNamespace } from './setup.ts'

/** What was started, to be stopped in the reverse order. */
type Stop = { readonly what: string; readonly stop: () => Promise<unknown> }

interface Stops {
  /** Throws Interrupted, after taking it up, when a signal came while this step was under way. */
  push(stop: Stop): void
  pop(): Stop | undefined
}

/** As a shell counts an end by SIGINT. */
const INTERRUPTED = 130

class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

async function main(): Promise<void> {
  const config = loadConfig()
  const log = createLogger(config)
  const started: Stop[] = []
  let isStarting = true
  let isInterrupted = false
  const stops: Stops = {
    push: (stop) => {
      started.push(stop)
      if (isInterrupted) throw new Interrupted()
    },
    pop: () => started.pop(),
  }
  let ending: Promise<void> | undefined
  const end = () => {
    ending ??= stopAll(stops, log)
    return ending
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping; uploads go on from where they are at the next start')
      isInterrupted = true
      // A start under way ends at its next step: what the step brings up must be taken down as well.
      if (isStarting) return
      end().catch((error: unknown) => log.error({ err: error }, 'stopping failed'))
    })
  }
  try {
    await start(config, log, stops)
    isStarting = false
  } catch (error) {
    await end()
    // Temporal's runtime would keep the process alive without a Worker that ends it.
    if (error instanceof Interrupted) process.exit(INTERRUPTED)
    throw error
  }
}

async function start(config: Config, log: Logger, stops: Stops): Promise<void> {
  // As root, PostgreSQL runs as a user of its own, who has to pass through.
  await makeFolder('DATA_DIR', config.dataDir, process.getuid?.() === 0 ? 0o711 : 0o700)
  const lock = await lockDataDir(config.dataDir)
  stops.push({ what: 'data folder', stop: lock.release })
  void lock.lost.then(() => endBecause(log, `another program has taken ${config.dataDir} over`))
  await makeFolder('BACKUP_ROOT', config.backupRoot, 0o755)

  const plainLog = {
    info: (message: string) => log.info(message),
    warn: (message: string) => log.warn(message),
  }
  const databaseUrl = config.databaseUrl ?? (await embeddedDatabase(config, log, plainLog, stops))
  const db = openDatabase(databaseUrl, { log })
  stops.push({ what: 'database connections', stop: () => db.destroy() })
  const vault = await prepareDatabase(config, db, log)

  installRuntime(log)
  const embedded =
    config.temporalAddress === null ? await embeddedTemporal(config, log, plainLog, stops) : null
  const temporal = await connectWorker(embedded?.address ?? null)
  stops.push({ what: 'Temporal connection', stop: () => temporal.connection.close() })
  const workers = await startWorkers({ config, db, vault, log, temporal })
  stops.push({ what: 'workers', stop: workers.stop })
  workers.running.catch((error: unknown) => {
    endBecause(log, 'a worker failed', error)
  })

  const client = connectTemporal({
    ...(embedded === null ? {} : { address: embedded.address }),
    namespace: temporal.namespace,
    taskQueue: config.taskQueue,
  })
  const temporalUi = embedded === null ? null : { url: embedded.uiUrl, namespace: embedded.namespace }
  const api = await startApi({
    config,
    db,
    temporal: client,
    vault,
    log,
    archives: createLocalArchives({ db, config }),
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
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new StartupError(`${variable} ${path} cannot be used as a folder (${code}): choose another one.`)
  }
}

type PlainLog = { info(message: string): void; warn(message: string): void }

async function embeddedDatabase(
  config: Config,
  log: Logger,
  plainLog: PlainLog,
  stops: Stops,
): Promise<string> {
  const directory = join(config.dataDir, 'postgres')
  const postgres = await startEmbeddedPostgres({ directory, log: plainLog })
  stops.push({ what: 'PostgreSQL', stop: postgres.stop })
  endWith(postgres.exited, log)
  return postgres.url
}

async function embeddedTemporal(config: Config, log: Logger, plainLog: PlainLog, stops: Stops) {
  const cli = await findTemporalCli({ environment: process.env, log: plainLog })
  const server = await startTemporalServer({
    cli,
    directory: join(config.dataDir, 'temporal'),
    port: config.temporalPort.port,
    portAsked: config.temporalPort.asked,
    uiPort: config.temporalUiPort.port,
    uiPortAsked: config.temporalUiPort.asked,
    log: plainLog,
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

async function stopAll(stops: Stops, log: Logger): Promise<void> {
  for (let next = stops.pop(); next !== undefined; next = stops.pop()) {
    try {
      await next.stop()
    } catch (error) {
      // What comes before it in the order must still be stopped.
      log.error({ err: error, what: next.what }, 'could not be stopped cleanly')
      process.exitCode = 1
    }
  }
  log.info('stopped')
}

main().catch((error: unknown) => {
  process.stderr.write(`${startFailureText(error)}\n`)
  // Everything is stopped; Temporal's runtime would keep the process alive without a Worker that ends it.
  process.exit(1)
})
