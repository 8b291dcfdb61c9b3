// One program a data folder. The embedded servers would not notice a second one: two Temporal servers on one SQLite file
// run side by side and ruin each other's work. The lock is a file that names its holder; a holder that crashed
// is recognised, also after a reboot, and one in another container or on another host by its heart no longer beating.
import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { processIdentity } from '../db/process-identity.ts'
import { StartupError } from '../db/startup-error.ts'

export type DataLock = {
  /** Frees the folder for the next program. May be called twice. */
  readonly release: () => Promise<void>
}

const BEAT_MS = 1_000
const WATCH_MS = 6_000
const TRIES = 5
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

const holderFile = z.object({ pid: z.number(), identity: z.string().nullable(), place: z.string() })

/**
 * Takes the folder for this process, making it when it is not there. Throws an error that names the holder when another
 * program uses it. Takes up to six seconds when a lock was left behind by another container or host.
 */
export async function lockDataDir(folder: string): Promise<DataLock> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'cloud-sync.pid')
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const place = await ownPlace()
  const mine = JSON.stringify({ pid: process.pid, identity: await processIdentity(process.pid), place })
  await writeFile(draft, `${mine}\n`, { mode: 0o600 })
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      if (await tryLink(draft, path)) return keep(path, mine)
      const theirs = await readIfThere(path)
      if (theirs === undefined) continue
      await refuseIfAlive(folder, path, theirs, place)
      await removeStale(path, theirs)
    }
  } finally {
    await rm(draft, { force: true })
  }
  throw new StartupError(`${folder} is being taken by several programs at once: start one of them again`)
}

function keep(path: string, mine: string): DataLock {
  const timer = setInterval(() => {
    const now = new Date()
    // A beat that fails (disk full, folder gone) is no reason to stop: the holder's identity still protects it here.
    utimes(path, now, now).catch(() => undefined)
  }, BEAT_MS)
  timer.unref()
  const release = async () => {
    clearInterval(timer)
    if ((await readIfThere(path))?.trim() === mine) await rm(path, { force: true })
  }
  return { release }
}

async function refuseIfAlive(folder: string, path: string, content: string, place: string): Promise<void> {
  const holder = parseHolder(content)
  if (!holder) return
  if (holder.place === place) {
    const identity = await processIdentity(holder.pid)
    if (identity === null || (holder.identity !== null && identity !== holder.identity)) return
    throw new StartupError(
      `${folder} is in use by a program that runs already (process ${holder.pid}): stop it first, or set another DATA_DIR`,
    )
  }
  // Its processes cannot be seen from here, but its heartbeat on the file can.
  const before = await beatOf(path)
  const deadline = Date.now() + WATCH_MS
  while (Date.now() < deadline) {
    await delay(BEAT_MS / 2)
    if ((await beatOf(path)) !== before) {
      throw new StartupError(
        `${folder} is in use by a program in another container or on another host: stop it first, or set another DATA_DIR`,
      )
    }
  }
}

/** Removes the lock that was judged, and no other that somebody may have put in its place meanwhile. */
async function removeStale(path: string, judged: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return
    throw error
  }
  if ((await readFile(aside, 'utf8')) !== judged) await tryLink(aside, path)
  await rm(aside, { force: true })
}

function parseHolder(content: string): z.infer<typeof holderFile> | undefined {
  try {
    return holderFile.parse(JSON.parse(content))
  } catch {
    // Cut off by a crash while it was written by hand or by a full disk: it protects nobody.
    return undefined
  }
}

/** Host and PID namespace: process numbers mean the same only where both are equal. */
async function ownPlace(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => 'pid')
  return `${hostname()} ${namespace}`
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    if (NO_LINKS.some((code) => hasCode(error, code)))
      return await tryCreate(to, await readFile(from, 'utf8'))
    throw error
  }
}

// For file systems without hard links. Less exact: another program may look before the content is written.
async function tryCreate(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

async function beatOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    // Released while we watched: a change, though one that frees the folder at the next start.
    if (hasCode(error, 'ENOENT')) return -1
    throw error
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
