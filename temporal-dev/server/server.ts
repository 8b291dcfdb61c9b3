// The embedded Temporal server with its Web UI, for one machine: the CLI's development server on 127.0.0.1 with its
// history in a SQLite file (write-ahead log). It has no login, so it never listens anywhere else.
// The caller holds the lock of the data folder. Reference: `temporal server start-dev --help`, CLI 1.9.
import { mkdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import { StartupError } from '../../db/process/startup-error.ts'
import type { Log } from '../log.ts'
import { hasHistory, historyIn, isUnopened, moveAside, moveBack } from './history-file.ts'
import { choosePort } from './ports.ts'
import { type ServerProcess, startProcess, stopOrphan } from './server-process.ts'

type TemporalServerOptions = {
  /** Path of the `temporal` program. */
  readonly cli: string
  /** Everything the server keeps; made when it is not there. */
  readonly directory: string
  /** Ports, and whether the configuration names them: a named one never moves when it is busy. 0 means any. */
  readonly port: number
  readonly portAsked: boolean
  readonly uiPort: number
  readonly uiPortAsked: boolean
  readonly log: Log
  /** Ends the start; the server is stopped then. */
  readonly signal?: AbortSignal
  /** How long the server may take to answer, in milliseconds; for tests. */
  readonly readyMs?: number
}

type TemporalServer = {
  readonly address: string
  readonly uiUrl: string
  readonly namespace: string
  /** Resolves when the process ends, with `expected` false unless stop() asked for it. Never rejects. */
  readonly exited: Promise<{ readonly expected: boolean; readonly reason: string }>
  /** Ends the server, by force after ten seconds. May be called twice. */
  readonly stop: () => Promise<void>
}

type Started = { readonly process: ServerProcess; readonly port: number; readonly uiPort: number }

const NAMESPACE = 'default'
const HOST = '127.0.0.1'
const READY_MS = 60_000
const PORT_TRIES = 4

/**
 * Returns when a call to the namespace `default` has been answered. Throws with the server's own message if it fails, and the
 * signal's reason. The history is moved aside only when the server has ended and reports that the file does not open.
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const { directory, log } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await stopOrphan(directory, log)

  const existed = await hasHistory(directory)
  const started = await startOnFreePorts(options).catch(async (error: unknown) => {
    if (!existed || !(error instanceof UnusableHistory)) throw error
    const aside = await moveAside(directory)
    const again = await startOnFreePorts(options).catch(async (second: unknown) => {
      // It was not the file: put it back where it belongs.
      await moveBack(directory, aside)
      throw second
    })
    log.warn(
      `the Temporal history would not open (${error.message}); it was moved to ${aside} and a new one begun`,
    )
    return again
  })

  let stopping = false
  const exited = started.process.ended.then((how) => ({
    expected: stopping,
    reason: `Temporal server ${how}`,
  }))
  const stop = async () => {
    stopping = true
    await started.process.stop()
  }
  return {
    address: `${HOST}:${started.port}`,
    uiUrl: `http://${HOST}:${started.uiPort}`,
    namespace: NAMESPACE,
    exited,
    stop,
  }
}

/** The server ended before it was ready, and reports that its file does not open. */
class UnusableHistory extends StartupError {}

async function startOnFreePorts(options: TemporalServerOptions): Promise<Started> {
  const { cli, directory, log, signal, readyMs = READY_MS } = options
  for (let tries = 1; ; tries++) {
    const port = await choosePort({
      wanted: options.port,
      asked: options.portAsked,
      variable: 'TEMPORAL_PORT',
      log,
    })
    const uiPort = await choosePort({
      wanted: options.uiPort,
      asked: options.uiPortAsked,
      variable: 'TEMPORAL_UI_PORT',
      log,
    })
    const process = await startProcess(cli, argumentsFor(port, uiPort, directory), directory)
    try {
      await untilReady(process, port, readyMs, signal)
      return { process, port, uiPort }
    } catch (error) {
      const hasEnded = !process.isRunning()
      await process.stop()
      signal?.throwIfAborted()
      const output = await process.output()
      // Also the ports that the server picks for itself: another program may have taken one in between.
      if (/address already in use/i.test(output) && tries < PORT_TRIES) continue
      throw explain(error, output, hasEnded)
    }
  }
}

function argumentsFor(port: number, uiPort: number, directory: string): readonly string[] {
  return [
    'server',
    'start-dev',
    '--disable-config-file',
    ...['--ip', HOST],
    ...['--port', String(port)],
    ...['--ui-port', String(uiPort)],
    '--ui-disable-news-fetch',
    ...['--db-filename', historyIn(directory)],
    ...['--sqlite-pragma', 'journal_mode=wal'],
    ...['--sqlite-pragma', 'synchronous=normal'],
    // Without it one instance's backlog holds up all others.
    ...['--dynamic-config-value', 'matching.enableFairness=true'],
    ...['--log-level', 'error'],
  ]
}

async function untilReady(
  process: ServerProcess,
  port: number,
  readyMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + readyMs
  let reason: unknown
  while (performance.now() < deadline) {
    signal?.throwIfAborted()
    if (!process.isRunning()) throw new Error(`it ${await process.ended}`)
    try {
      const connection = await Connection.connect({ address: `${HOST}:${port}`, connectTimeout: 2_000 })
      try {
        await connection.workflowService.describeNamespace({ namespace: NAMESPACE })
        return
      } finally {
        await connection.close()
      }
    } catch (error) {
      reason = error
      await delay(100)
    }
  }
  throw new Error(`it did not answer within ${readyMs / 1000} s (${reason})`)
}

function explain(error: unknown, output: string, hasEnded: boolean): Error {
  const how = error instanceof Error ? error.message : String(error)
  const lines = output.split('\n').filter((line) => /error|fatal|panic/i.test(line))
  const said = lines.slice(-2).join('; ').slice(0, 600) || 'it says nothing'
  const message = `the Temporal server does not start: ${how}; ${said}`
  // The last message of a server that gives up; other lines of its log may be about passing faults.
  const lastWord = lines.findLast((line) => line.startsWith('Error: ')) ?? ''
  return hasEnded && isUnopened(lastWord) ? new UnusableHistory(message) : new StartupError(message)
}
