// One program a data folder. The embedded servers would not notice a second one: two Temporal servers on one SQLite file
// run side by side and ruin each other's work. The lock is a file (db/lock-file.ts); a program that lost it to another,
// which took it for dead, must end.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type LockFile, type LockHolder, takeLockFile } from '../db/lock-file.ts'
import { StartupError } from '../db/startup-error.ts'

export type DataLock = LockFile

/**
 * Takes the folder for this process, making it when it is not there. Throws an error that names the holder when another
 * program uses it. Takes up to six seconds when a lock was left behind by another container or host.
 */
export async function lockDataDir(folder: string): Promise<DataLock> {
  await mkdir(folder, { recursive: true })
  return takeLockFile(join(folder, 'cloud-sync.pid'), (holder) => new StartupError(inUse(folder, holder)))
}

function inUse(folder: string, holder: LockHolder): string {
  if (holder === 'many')
    return `${folder} is being taken by several programs at once: start one of them again`
  const who =
    holder === 'elsewhere'
      ? 'a program in another container or on another host'
      : `a program that runs already (process ${holder.pid})`
  return `${folder} is in use by ${who}: stop it first, or set another DATA_DIR`
}
