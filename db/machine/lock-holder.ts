// Who holds a lock file: what stands in the file, and whether that program is alive. Processes of this machine are looked at;
// one in another container or on another host shows by the heartbeat on the file.

import { readlink, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { isMissing } from './errno.ts'
import { processIdentity } from './process-identity.ts'

/** Who has it: a process of this machine, a program that cannot be seen from here, or several that try at once. */
export type LockHolder = { readonly pid: number } | 'elsewhere' | 'many'

export const BEAT_MS = 1_000
const WATCH_MS = 6_000

const noteSchema = z.object({
  pid: z.number(),
  identity: z.string().nullable(),
  /** Host and PID namespace. */
  place: z.string(),
  stopping: z.boolean().optional(),
})

/** What stands in a lock file. */
export type HolderNote = z.infer<typeof noteSchema>

/** The note of this process. */
export async function ownNote(): Promise<HolderNote> {
  return { pid: process.pid, identity: await processIdentity(process.pid), place: await ownPlace() }
}

export function noteText(note: HolderNote): string {
  return `${JSON.stringify(note)}\n`
}

/** Undefined for a note that was cut off, by a crash or a full disk, or written by hand: it protects nobody. */
export function parseNote(text: string): HolderNote | undefined {
  try {
    return noteSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** The holder that the note in the file names; undefined when it is dead. Takes up to six seconds for one elsewhere. */
export async function livingHolder(path: string, note: HolderNote): Promise<LockHolder | undefined> {
  if (note.place === (await ownPlace())) {
    const identity = await processIdentity(note.pid)
    const isGone = identity === null || (note.identity !== null && identity !== note.identity)
    return isGone ? undefined : { pid: note.pid }
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

/** Process numbers mean the same only where host and PID namespace are equal. */
async function ownPlace(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => 'pid')
  return `${hostname()} ${namespace}`
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
