// The ports of the embedded Temporal server. A default one moves when it is busy; one that the configuration names
// never does.
import { freePort, portIfFree } from '../../db/machine/free-port.ts'
import { StartupError } from '../../db/process/startup-error.ts'
import type { Log } from '../log.ts'

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
  const port = await portIfFree(wanted)
  if (port !== undefined) return port
  if (asked) {
    throw new StartupError(`port ${wanted}, set by ${variable}, is in use: choose another one or free it`)
  }
  const other = await freePort()
  log.warn(`port ${wanted} is in use: using ${other} instead (set ${variable} to choose one)`)
  return other
}
