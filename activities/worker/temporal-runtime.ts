// Temporal's own runtime in this process: its log lines become ours, and it does not catch signals, because the order of
// stopping (HTTP, workers, server, database) is decided where the process was started.

import { ApplicationFailure } from '@temporalio/common'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { type LogMetadata, NativeConnection, Runtime } from '@temporalio/worker'
import type { Logger } from '../../db/process/log.ts'
import { StartupError } from '../../db/process/startup-error.ts'

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error'

/** Temporal's lines at level INFO (the state of a worker) are for debugging here. */
const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const
/** A Worker for activities alone is intended here: Temporal's warning about it is none. */
const EXPECTED_WARNING = 'No workflows registered'

/** Once per process, before anything else of Temporal. */
export function installRuntime(log: Logger): void {
  const say = (level: Level, message: string, meta?: LogMetadata) => {
    log[message.startsWith(EXPECTED_WARNING) ? 'debug' : level]({ temporal: loggable(meta) }, message)
  }
  const at = (level: Level) => (message: string, meta?: LogMetadata) => say(level, message, meta)
  Runtime.install({
    shutdownSignals: [],
    logger: {
      log: (name, message, meta) => say(LEVELS[name], message, meta),
      trace: at('trace'),
      debug: at('debug'),
      info: at('debug'),
      warn: at('warn'),
      error: at('error'),
    },
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
  })
}

/** What a reader of the log has no use for. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'taskToken',
  'isLocal',
  'sdkComponent',
  'activityId',
  'workflowRunId',
])

/** In a form that JSON can carry: bigints as text, and errors as type and message. */
function loggable(meta: LogMetadata | undefined): Record<string, unknown> | undefined {
  if (meta === undefined) return undefined
  return Object.fromEntries(
    Object.entries(meta)
      .filter(([key]) => !LEFT_OUT.has(key))
      .map(([key, value]) => [key, loggableValue(value)]),
  )
}

function loggableValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (!(value instanceof Error)) return value
  const type = value instanceof ApplicationFailure && value.type ? value.type : value.name
  return { type, message: value.message }
}

export type TemporalConnection = { readonly connection: NativeConnection; readonly namespace: string }

/**
 * Connects to `address` (the embedded server), or to what the environment says (address, TLS, API key; the profile file of
 * Temporal's CLI is not read).
 */
export async function connectWorker(address: string | null): Promise<TemporalConnection> {
  const config = address === null ? loadClientConnectConfig({ disableFile: true }) : null
  const target = config?.connectionOptions ?? { address: address ?? '' }
  const connection = await NativeConnection.connect(target).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : 'unknown reason'
    throw new StartupError(
      `TEMPORAL_ADDRESS: the Temporal server at ${target.address ?? 'the default address'} cannot be reached (${reason}). ` +
        'Start it, correct the address, or unset it for the embedded server.',
    )
  })
  return { connection, namespace: config?.namespace ?? 'default' }
}
