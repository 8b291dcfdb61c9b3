// Log lines: JSON on standard error, readable on a terminal. Every line is redacted as a whole just before it
// is written, whatever message, field or error a secret came in with; and of an error only its type, code,
// message, stack and causes are taken, because HTTP clients hang requests and headers on theirs.

import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import { build as prettyStream } from 'pino-pretty'
import type { Config } from './config.ts'
import { redact } from './redaction.ts'

export type { Logger }

const STANDARD_ERROR = 2

/** `stream` replaces standard error (tests). */
export function createLogger(config: Pick<Config, 'logLevel'>, stream?: DestinationStream): Logger {
  return pino(
    {
      level: config.logLevel,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: plainError, error: plainError },
      hooks: { streamWrite: redact },
    },
    stream ?? standardError(),
  )
}

/** Written synchronously, so that the line that says why a process ended is not lost with it. */
function standardError(): DestinationStream {
  return process.stderr.isTTY
    ? prettyStream({
        destination: STANDARD_ERROR,
        sync: true,
        ignore: 'pid',
        translateTime: 'SYS:HH:MM:ss.l',
      })
    : destination({ dest: STANDARD_ERROR, sync: true })
}

const MAX_CAUSES = 5

function plainError(value: unknown, depth = 0): unknown {
  if (!(value instanceof Error)) {
    return value
  }
  const code = 'code' in value && ['string', 'number'].includes(typeof value.code) ? { code: value.code } : {}
  const cause =
    value.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: plainError(value.cause, depth + 1) }
  return { type: value.name, ...code, message: value.message, stack: value.stack, ...cause }
}
