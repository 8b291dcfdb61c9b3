// A lock between programs that share a folder: a file that names its holder. A holder that crashed is recognised, also
// after a reboot, and one in another container or on another host by its heart no longer beating. Never removes the lock
// of a living holder, and never beats for somebody else's.
import { randomBytes } from 'node:crypto'
import { link, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { hasErrno, isMissing, readIfThere } from './errno.ts'
import { processIdentity } from './process-identity.ts'

export type LockFile = {
  /** Resolves when somebody else's lock stands in its place: this holder was taken for dead. Never rejects. */
  readonly lost: Promise<void>
  /** Tells those who want the lock that it will be free soon. Never rejects: without it they are refused at once. */
  readonly noteStopping: () => Promise<void>
  /** Frees it for the next program. May be called twice. */
  readonly release: () => Promise<void>
}

/** Who has it: a process of this machine, a program that cannot be seen from here, or several that try at once. */
export type LockHolder = { readonly pid: number } | 'elsewhere' | 'many'

export type LockWait = {
  /** For how many milliseconds a holder that is stopping is waited for. 0, and any other holder, is refused at once. */
  readonly stoppingMs: number
  /** Called once, before the wait. */
  readonly onWait: (holder: LockHolder) => void
  readonly signal?: AbortSignal | undefined
}

const BEAT_MS = 1_000
const WATCH_MS = 6_000
const WAIT_LOOK_MS = 200
const TRIES = 5
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

const holderFile = z.object({
  pid: z.number(),
  identity: z.string().nullable(),
  place: z.string(),
  stopping: z.boolean().optional(),
})
type Holder = z.infer<typeof holderFile>

/**
 * Takes the lock at `path`, whose folder exists, for this process. Throws what `refusal` makes of the one who has it, and
 * the reason of the wait's signal. Takes up to six seconds when a lock was left behind by another container or host.
 */
export async function takeLockFile(
  path: string,
  refusal: (holder: LockHolder) => Error,
  wait?: LockWait,
): Promise<LockFile> {
  const draft = draftOf(path)
  const place = await ownPlace()
  const mine = { pid: process.pid, identity: await processIdentity(process.pid), place }
  const patience = wait === undefined ? undefined : createPatience(wait)
  try {
    await writeFile(draft, lineOf(mine), { mode: 0o600 })
    for (let tries = 0; tries < TRIES; ) {
      if (await tryLink(draft, path)) return keep(path, mine)
      const theirs = await readIfThere(path)
      const holder = theirs === null ? undefined : await livingHolder(path, theirs, place)
      if (theirs !== null && holder !== undefined) {
        // Waiting is no try: those count what several programs do at once.
        if (parseHolder(theirs)?.stopping === true && (await patience?.(holder))) continue
        throw refusal(holder)
      }
      if (theirs !== null) await removeStale(path, theirs)
      tries += 1
    }
  } finally {
    await rm(draft, { force: true })
  }
  throw refusal('many')
}

/** Resolves after a short pause, with false when the time for waiting is over. */
function createPatience({ stoppingMs, onWait, signal }: LockWait) {
  let deadline: number | undefined
  return async (holder: LockHolder): Promise<boolean> => {
    if (deadline === undefined) {
      deadline = performance.now() + stoppingMs
      if (stoppingMs > 0) onWait(holder)
    }
    if (performance.now() >= deadline) return false
    await delay(WAIT_LOOK_MS, undefined, { signal }).catch(() => signal?.throwIfAborted())
    return true
  }
}

function keep(path: string, holder: Holder): LockFile {
  const mine = new Set([lineOf(holder)])
  const { promise: lost, resolve: lose } = Promise.withResolvers<void>()
  const timer = setInterval(() => {
    beat(path, mine).then(
      (isMine) => {
        if (isMine) return
        clearInterval(timer)
        lose()
      },
      // A beat that fails (disk full, folder gone) is no reason to stop: the holder's identity still protects it here.
      () => undefined,
    )
  }, BEAT_MS)
  timer.unref()
  let noted: Promise<void> | undefined
  const release = async () => {
    clearInterval(timer)
    // A note that is still being written would bring the lock back.
    await noted
    if (mine.has((await readIfThere(path)) ?? '')) await rm(path, { force: true })
  }
  const noteStopping = () => {
    noted ??= replaceMine(path, mine, lineOf({ ...holder, stopping: true })).catch(() => undefined)
    return noted
  }
  return { lost, noteStopping, release }
}

async function replaceMine(path: string, mine: Set<string>, line: string): Promise<void> {
  if (!mine.has((await readIfThere(path)) ?? '')) return
  mine.add(line)
  const draft = draftOf(path)
  try {
    await writeFile(draft, line, { mode: 0o600 })
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
}

function draftOf(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}`
}

function lineOf(holder: Holder): string {
  return `${JSON.stringify(holder)}\n`
}

/** False when another's lock stands there. None at all may be one that is just being replaced: the next beat tells. */
async function beat(path: string, mine: ReadonlySet<string>): Promise<boolean> {
  const content = await readIfThere(path)
  if (content === null) return true
  if (!mine.has(content)) return false
  const now = new Date()
  await utimes(path, now, now)
  return true
}

async function livingHolder(path: string, content: string, place: string): Promise<LockHolder | undefined> {
  const holder = parseHolder(content)
  if (!holder) return undefined
  if (holder.place === place) {
    const identity = await processIdentity(holder.pid)
    const isGone = identity === null || (holder.identity !== null && identity !== holder.identity)
    return isGone ? undefined : { pid: holder.pid }
  }
  // Its processes cannot be seen from here, but its heartbeat on the file can.
  const before = await beatOf(path)
  const deadline = Date.now() + WATCH_MS
  while (Date.now() < deadline) {
    await delay(BEAT_MS / 2)
    if ((await beatOf(path)) !== before) return 'elsewhere'
  }
  return undefined
}

/** Removes the lock that was judged, and no other that somebody may have put in its place meanwhile. */
async function removeStale(path: string, judged: string): Promise<void> {
  const aside = draftOf(path)
  try {
    await rename(path, aside)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  if ((await readFile(aside, 'utf8')) !== judged) await tryLink(aside, path)
  await rm(aside, { force: true })
}

function parseHolder(content: string): Holder | undefined {
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
    if (hasErrno(error, 'EEXIST')) return false
    if (hasErrno(error, ...NO_LINKS)) return await tryCreate(to, await readFile(from, 'utf8'))
    throw error
  }
}

// For file systems without hard links. Less exact: another program may look before the content is written.
async function tryCreate(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    throw error
  }
}

async function beatOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    // Released while we watched: a change, though one that frees the folder at the next start.
    if (isMissing(error)) return -1
    throw error
  }
}
