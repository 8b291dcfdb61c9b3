// Serves the app on a port, and is `npm run api`: the API alone, for fleets. Node's own limits end slow and endless requests. A
// stop lets running requests finish and closes idle connections at once.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { pathToFileURL } from 'node:url'
import { getRequestListener } from '@hono/node-server'
import { type Db, openDatabase } from '../db/database.ts'
import { hasErrno } from '../db/machine/errno.ts'
import { prepareDatabase } from '../db/prepare.ts'
import { type Config, ConfigError, loadConfig } from '../db/process/config.ts'
import { createLogger, type Logger } from '../db/process/log.ts'
import { startFailureText } from '../db/process/start-failure.ts'
import type { Vault } from '../db/secrets/vault.ts'
import { ensureFirstAdmin } from './access/first-admin.ts'
import { createApp } from './app.ts'
import type { LocalArchives } from './archives/inspect-archive.ts'
import type { TemporalUi } from './context.ts'
import { answerRefusals, refuseAddress } from './http/refusals.ts'
import { createChangeFeed } from './runs/change-feed.ts'
import { startRunHealer } from './runs/healer.ts'
import { connectTemporal, type TemporalClient } from './temporal/client.ts'

type ApiOptions = {
  readonly config: Config
  readonly db: Db
  readonly temporal: TemporalClient
  readonly vault: Vault
  readonly log: Logger
  /** The archives that this process sees itself, because their worker runs beside it. */
  readonly archives?: LocalArchives | undefined
  /** Of the embedded server. */
  readonly temporalUi?: TemporalUi | null
}

export interface Api {
  /** Without a trailing slash. */
  readonly url: string
  readonly port: number
  /** Closes the port and the Temporal client; the database stays open. May be called twice. */
  stop(): Promise<void>
}

const LIMITS = {
  /** A client has this long for its headers, and this long for its whole request. */
  headersTimeout: 15_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16 * 1024,
  connectionsCheckingInterval: 5_000,
  /** The listener refuses it with a problem document: Node's own answer has no body. */
  requireHostHeader: false,
}
/** A shorter password can be guessed. It is accepted all the same, because it must be changed at the first login. */
const SHORTEST_PASSWORD = 8
const STOP_DEADLINE_MS = 10_000
const STOP_SWEEP_MS = 50

/** The configured address, as people reach it; otherwise that of the embedded server, on this machine. */
function temporalUiOf({ config, temporalUi = null }: ApiOptions): TemporalUi | null {
  if (config.temporalUiUrl === null) return temporalUi
  return { url: config.temporalUiUrl, namespace: temporalUi?.namespace ?? config.temporalNamespace }
}

/** When the default port is busy, takes a free one and logs it. A busy port that was asked for is an error. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { config, db, temporal, vault, log } = options
  if (config.adminPassword !== null && config.adminPassword.length < SHORTEST_PASSWORD)
    log.warn(`ADMIN_PASSWORD has fewer than ${SHORTEST_PASSWORD} characters: choose a longer one`)
  await ensureFirstAdmin(db, config.adminPassword, (text) => process.stdout.write(text))
  const feed = createChangeFeed({ db, log })
  const healer = startRunHealer({ db, temporal, log, config })
  const temporalUi = temporalUiOf(options)
  const app = createApp({
    config,
    db,
    temporal,
    vault,
    log,
    feed,
    healer,
    archives: options.archives,
    temporalUi,
  })
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    // The app answers its own errors. This handler gets requests that cannot be passed to it.
    errorHandler: refuseAddress,
  })
  const server = createServer(LIMITS, (request, answer) => void listener(request, answer))
  answerRefusals(server)
  const unused = noteUnusedConnections(server)
  const port = await listen(server, config, log).catch(async (error: unknown) => {
    // A process that could not open its port must be able to exit.
    await feed.stop()
    await healer.stop()
    await temporal.close()
    throw error
  })
  const url = `http://${urlHost(config.host)}:${port}`
  log.info({ url }, 'the API is listening')

  async function stopAll() {
    // The streams end first, because they keep their connections open.
    await feed.stop()
    await close(server, unused)
    await healer.stop()
    await temporal.close()
  }

  let stopped: Promise<void> | undefined
  return {
    url,
    port,
    stop: () => {
      stopped ??= stopAll()
      return stopped
    },
  }
}

async function listen(
  server: Server,
  { host, port }: Pick<Config, 'host' | 'port'>,
  log: Logger,
): Promise<number> {
  try {
    return await listenOn(server, host, port.port)
  } catch (error) {
    if (!isAddressInUse(error)) throw error
    if (port.asked) throw new ConfigError([`PORT ${port.port} is in use: choose another one or free it.`])
    const other = await listenOn(server, host, 0)
    log.warn(`port ${port.port} is in use: using ${other} instead (set PORT to choose one)`)
    return other
  }
}

async function listenOn(server: Server, host: string, port: number): Promise<number> {
  server.listen({ host, port })
  // Rejects on 'error'.
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the HTTP server has no port')
  return address.port
}

function isAddressInUse(error: unknown): boolean {
  return hasErrno(error, 'EADDRINUSE')
}

/** Connections that have sent no request yet. Node does not count them as idle. */
function noteUnusedConnections(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket))
  return unused
}

async function close(server: Server, unused: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)))
  })
  for (const socket of unused) socket.destroy()
  server.closeIdleConnections()
  // A connection that was busy becomes idle after its answer.
  const sweep = setInterval(() => server.closeIdleConnections(), STOP_SWEEP_MS)
  const deadline = setTimeout(() => server.closeAllConnections(), STOP_DEADLINE_MS)
  await closed
  clearInterval(sweep)
  clearTimeout(deadline)
}

/** The host that a browser on this machine can open. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function main(): Promise<void> {
  const config = loadConfig()
  if (config.databaseUrl === null || config.temporalAddress === null) {
    throw new ConfigError([
      'DATABASE_URL and TEMPORAL_ADDRESS must be set for an API of its own; `npm start` brings everything along.',
    ])
  }
  const log = createLogger(config)
  const db = openDatabase(config.databaseUrl, { log })
  try {
    const vault = await prepareDatabase(config, db, log)
    const temporal = connectTemporal({ taskQueue: config.taskQueue })
    const api = await startApi({ config, db, temporal, vault, log })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        log.info({ signal }, 'stopping')
        api
          .stop()
          .then(() => db.destroy())
          .catch((error: unknown) => {
            log.error({ err: error }, 'the API did not stop cleanly')
            process.exitCode = 1
          })
          // Nothing that hangs may keep a stopped API alive.
          .finally(() => process.exit(process.exitCode ?? 0))
      })
    }
  } catch (error) {
    await db.destroy()
    throw error
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error: unknown) => {
    process.stderr.write(`${startFailureText(error)}\n`)
    process.exit(1)
  })
}
