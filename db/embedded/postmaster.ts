// The postmaster: the one process of a PostgreSQL server that all others belong to. Without it nothing is served. This
// program is not its parent and gets no signal of its end, so it looks. In doubt the postmaster counts as alive: a living server
// that is taken for dead would lead to two servers on the same files, or end the program for nothing.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing, readIfThere } from '../machine/errno.ts'
import { isAlive } from '../machine/process-identity.ts'

const LOOK_MS = 1_000

/** The number in the server's own note; undefined when there is none. */
export async function notedPostmaster(data: string): Promise<number | undefined> {
  const pid = Number((await readIfThere(join(data, 'postmaster.pid')))?.split('\n')[0])
  return Number.isInteger(pid) && pid > 0 ? pid : undefined
}

/** Resolves when the process is gone: looks every second, and keeps no process alive for that. Never rejects. */
export function postmasterGone(pid: number, data: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setInterval(() => {
    isPostmaster(pid, data).then(
      (isThere) => {
        if (isThere) return
        clearInterval(timer)
        resolve()
      },
      // A look that fails (too many open files) tells nothing; there is another in a second.
      () => undefined,
    )
  }, LOOK_MS)
  timer.unref()
  return promise
}

/** True when the process can be the postmaster of these files, which works in their folder all its life. */
export async function isPostmaster(pid: number, data: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  if (process.platform !== 'linux') return true
  try {
    // By the folder itself and not by its path, which is another one in a mount namespace.
    const [theirs, ours] = await Promise.all([stat(`/proc/${pid}/cwd`), stat(data)])
    return theirs.dev === ours.dev && theirs.ino === ours.ino
  } catch (error) {
    if (isMissing(error)) return false
    // Containers often deny a look into another user's process, even to root; its name and state are for all to read. A
    // dead one that nobody has waited for (Z) keeps both its number and its name.
    const [, name, state] = /\((.*)\) (\S)/s.exec((await readIfThere(`/proc/${pid}/stat`)) ?? '') ?? []
    return name === 'postgres' && state !== 'Z'
  }
}
