// `npm start`: everything on one machine, in the order database → Temporal → workers → API, and stopped the other way
// round. With DATABASE_URL or TEMPORAL_ADDRESS set, that server is used instead of the embedded one.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { connectWorker, installRuntime } from '../activities/temporal-runtime.ts'
import { startWorkers } from '../activities/workers.ts'
import { startApi } from '../api/server.ts'
import { connectTemporal } from '../api/temporal-client.ts'
import { type Config, ConfigError, loadConfig } from '../db/config.ts'
import { openDatabase } from '../db/database.ts'
import { startEmbeddedPostgres } from '../db/embedded.ts'
import { createLogger, type Logger } from '../db/log.ts'
import { prepareDatabase } from '../db/prepare.ts'
import { KeyFileError } from '../db/secret-key.ts'
import { StartupError } from '../db/startup-error.ts'
import { VaultError } from '../db/vault.ts'
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
  await makeFolder('BACKUP_ROOT', config.backupRoot, 0o755)

  const plainLog = {
    info: (message: string) => log.info(message),
    warn: (message: string) => log.warn(message),
  }
  const databaseUrl = config.databaseUrl ?? (await embeddedDatabase(config, plainLog, stops))
  const db = openDatabase(databaseUrl, { log })
  stops.push({ what: 'database connections', stop: () => db.destroy() })
  const vault = await prepareDatabase(config, db, log)

  installRuntime(log)
  const embedded = config.temporalAddress === null ? await embeddedTemporal(config, plainLog, stops) : null
  const temporal = await connectWorker(embedded?.address ?? null)
  stops.push({ what: 'Temporal connection', stop: () => temporal.connection.close() })
  const workers = await startWorkers({ config, db, vault, log, temporal })
  stops.push({ what: 'workers', stop: workers.stop })
  workers.running.catch((error: unknown) => {
    log.fatal({ err: error }, 'a worker failed; ending')
    process.kill(process.pid, 'SIGTERM')
    process.exitCode = 1
  })

  const client = connectTemporal({
    ...(embedded === null ? {} : { address: embedded.address }),
    namespace: temporal.namespace,
    taskQueue: config.taskQueue,
  })
  const temporalUi = embedded === null ? null : { url: embedded.uiUrl, namespace: embedded.namespace }
  const api = await startApi({ config, db, temporal: client, vault, log, temporalUi })
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

async function embeddedDatabase(config: Config, log: PlainLog, stops: Stops): Promise<string> {
  const postgres = await startEmbeddedPostgres({ directory: join(config.dataDir, 'postgres'), log })
  stops.push({ what: 'PostgreSQL', stop: postgres.stop })
  return postgres.url
}

async function embeddedTemporal(config: Config, log: PlainLog, stops: Stops) {
  const cli = await findTemporalCli({ environment: process.env, log })
  const server = await startTemporalServer({
    cli,
    directory: join(config.dataDir, 'temporal'),
    port: config.temporalPort.port,
    portAsked: config.temporalPort.asked,
    uiPort: config.temporalUiPort.port,
    uiPortAsked: config.temporalUiPort.asked,
    log,
  })
  stops.push({ what: 'Temporal server', stop: server.stop })
  server.exited
    .then(({ expected, reason }) => {
      if (expected) return
      log.warn(`the Temporal server ended by itself (${reason}); ending too, start again to go on`)
      process.exitCode = 1
      process.kill(process.pid, 'SIGTERM')
    })
    .catch((error: unknown) => log.warn(String(error)))
  const connection = await Connection.connect({ address: server.address })
  await prepareNamespace(connection, server.namespace)
  await connection.close()
  return server
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

/** Errors that a person mends: the sentence is enough; anything else shows where it came from. */
function isForPeople(error: unknown): error is Error {
  return [ConfigError, KeyFileError, VaultError, StartupError].some((kind) => error instanceof kind)
}

main().catch((error: unknown) => {
  const text = isForPeople(error)
    ? error.message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error)
  process.stderr.write(`${text}\n`)
  // Everything is stopped; Temporal's runtime would keep the process alive without a Worker that ends it.
  process.exit(1)
})
