// A lock between programs that share a folder: a file that names its holder. A holder that crashed is recognised, also
// after a reboot, and one in another container or on another host by its missing heartbeat. Never removes the lock of a living
// holder, and never beats for the lock of another program.
import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { isMissing, readIfThere } from './errno.ts'
import { linkOnce } from './link-once.ts'
import {
  BEAT_MS,
  type HolderNote,
  type LockHolder,
  livingHolder,
  noteText,
  ownNote,
  parseNote,
} from './lock-holder.ts'

export type LockFile = {
  /** Resolves when somebody else's lock stands in its place: this holder was taken for dead. Never rejects. */
  readonly lost: Promise<void>
  /** Notes in the lock that it will be free soon, so that others wait for it. Never rejects: without the note they are refused. */
  readonly noteStopping: () => Promise<void>
  /** Frees it for the next program. May be called twice. */
  readonly release: () => Promise<void>
}

type LockWait = {
  /** For how many milliseconds a holder that is stopping is waited for. 0, and any other holder, is refused at once. */
  readonly stoppingMs: number
  /** Called once, before the wait. */
  readonly onWait: (holder: LockHolder) => void
  readonly signal?: AbortSignal | undefined
}

const WAIT_LOOK_MS = 200
const TRIES = 5

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
  const own = await ownNote()
  const patience = wait === undefined ? undefined : createPatience(wait)
  try {
    await writeFile(draft, noteText(own), { mode: 0o600 })
    for (let tries = 0; tries < TRIES; ) {
      if (await linkOnce(draft, path)) return keep(path, own)
      const text = await readIfThere(path)
      const note = text === null ? undefined : parseNote(text)
      const holder = note === undefined ? undefined : await livingHolder(path, note)
      if (holder !== undefined) {
        // Waiting does not count as a try: tries count what several programs do at once.
        if (note?.stopping === true && (await patience?.(holder))) continue
        throw refusal(holder)
      }
      if (text !== null) await removeStale(path, text)
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

function keep(path: string, own: HolderNote): LockFile {
  const mine = new Set([noteText(own)])
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
    noted ??= replaceMine(path, mine, noteText({ ...own, stopping: true })).catch(() => undefined)
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

/** False when another's lock stands there. None at all may be one that is just being replaced: the next beat tells. */
async function beat(path: string, mine: ReadonlySet<string>): Promise<boolean> {
  const content = await readIfThere(path)
  if (content === null) return true
  if (!mine.has(content)) return false
  const now = new Date()
  await utimes(path, now, now)
  return true
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
  if ((await readFile(aside, 'utf8')) !== judged) await linkOnce(aside, path)
  await rm(aside, { force: true })
}
