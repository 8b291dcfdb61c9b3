// One program per data folder. The embedded servers would not notice a second one: two Temporal servers on one SQLite file
// run side by side and ruin each other's work. The lock is a file (db/machine/lock-file.ts); a program must end
// when another one took it for dead and took the lock.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type LockFile, takeLockFile } from '../db/machine/lock-file.ts'
import type { LockHolder } from '../db/machine/lock-holder.ts'
import { StartupError } from '../db/process/startup-error.ts'
import type { Log } from './log.ts'

export type DataLock = LockFile

/**
 * What a stop may take: the API ends requests for 10 s, the workers their activities for 20 s, Temporal's server gets 10 s,
 * and PostgreSQL writes down what it has.
 */
const STOPPING_MS = 45_000

type LockDataDirOptions = {
  readonly log?: Pick<Log, 'info'>
  readonly signal?: AbortSignal
  /** How long a program that is stopping is waited for, in milliseconds; for tests. */
  readonly stoppingMs?: number
}

/**
 * Takes the folder for this process, making it when it is not there. A program that is just stopping is waited for. Throws an
 * error that names the holder when another program uses it, and the signal's reason. Takes up to six seconds when a lock was
 * left behind by another container or host.
 */
export async function lockDataDir(
  folder: string,
  { log, signal, stoppingMs = STOPPING_MS }: LockDataDirOptions = {},
): Promise<DataLock> {
  await mkdir(folder, { recursive: true })
  return takeLockFile(join(folder, 'cloud-sync.pid'), (holder) => new StartupError(inUse(folder, holder)), {
    stoppingMs,
    onWait: (holder) =>
      log?.info(`${folder} is still in use by ${nameOf(holder)}, which is stopping: waiting for it`),
    signal,
  })
}

function inUse(folder: string, holder: LockHolder): string {
  if (holder === 'many')
    return `${folder} is being taken by several programs at once: start one of them again`
  return `${folder} is in use by ${nameOf(holder)}: stop it first, or set another DATA_DIR`
}

function nameOf(holder: LockHolder): string {
  return typeof holder === 'object'
    ? `a program that runs already (process ${holder.pid})`
    : 'a program in another container or on another host'
}
