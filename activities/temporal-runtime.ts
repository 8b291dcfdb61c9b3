// Temporal's own runtime in this process: its log lines become ours, and it does not catch signals, because the order of
// stopping (HTTP, workers, server, database) is decided where the process was started.

import { loadClientConnectConfig } from '@temporalio/envconfig'
import { type LogMetadata, NativeConnection, Runtime } from '@temporalio/worker'
import type { Logger } from '../db/log.ts'

/** Once a process, before anything else of Temporal's. A Worker for activities alone is what we want, no warning. */
export function installRuntime(log: Logger): void {
  const level =
    (name: 'trace' | 'debug' | 'info' | 'warn' | 'error') => (message: string, meta?: LogMetadata) =>
      log[name]({ temporal: plain(meta) }, message)
  Runtime.install({
    shutdownSignals: [],
    logger: {
      log: (name, message, meta) => level(LEVELS[name])(message, meta),
      trace: level('trace'),
      debug: level('debug'),
      info: level('debug'),
      warn: (message, meta) =>
        level(message.startsWith('No workflows registered') ? 'debug' : 'warn')(message, meta),
      error: level('error'),
    },
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
  })
}

/** What Temporal says at level INFO (a worker's state) is for debugging here. */
const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const

/** Without bigints, which JSON cannot carry. */
function plain(meta: LogMetadata | undefined): Record<string, unknown> | undefined {
  if (meta === undefined) return undefined
  return Object.fromEntries(
    Object.entries(meta).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : value]),
  )
}

export type TemporalConnection = { readonly connection: NativeConnection; readonly namespace: string }

/**
 * Connects to `address` (the embedded server), or to what the environment says (address, TLS, API key; the profile file of
 * Temporal's CLI is not read).
 */
export async function connectWorker(address: string | null): Promise<TemporalConnection> {
  const config = address === null ? loadClientConnectConfig({ disableFile: true }) : null
  const connection = await NativeConnection.connect(config?.connectionOptions ?? { address: address ?? '' })
  return { connection, namespace: config?.namespace ?? 'default' }
}
