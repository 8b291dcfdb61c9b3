// Ports on 127.0.0.1. A port that nobody asked for moves when it is busy; one that was asked for never does.
import { createServer } from 'node:net'
import { StartupError } from '../db/startup-error.ts'
import type { Log } from './log.ts'

const HOST = '127.0.0.1'

/** `wanted` when it is free, else any free port. `wanted` 0 means any. */
export async function freePort(wanted = 0): Promise<number> {
  return (await listenOnce(wanted)) ?? (await listenOnce(0)) ?? fail('this machine has no free port')
}

/**
 * The port to use for what `variable` sets. Busy: an error that names the variable when the port was asked for,
 * another port and a line in the log when not.
 */
export async function choosePort(options: {
  readonly wanted: number
  readonly asked: boolean
  readonly variable: string
  readonly log: Log
}): Promise<number> {
  const { wanted, asked, variable, log } = options
  const port = await listenOnce(wanted)
  if (port !== undefined) return port
  if (asked) return fail(`port ${wanted}, set by ${variable}, is in use: choose another one or free it`)
  const other = await freePort()
  log.warn(`port ${wanted} is in use: using ${other} instead (set ${variable} to choose one)`)
  return other
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(undefined) : reject(error),
    )
    server.listen({ host: HOST, port, exclusive: true }, () => {
      const address = server.address()
      const taken = typeof address === 'object' && address ? address.port : undefined
      server.close(() => resolve(taken))
    })
  })
}

function fail(message: string): never {
  throw new StartupError(message)
}
