// The demo's own folder below the system's temporary one: everything it makes lies there, and goes with it. Folders of
// demos that were killed are removed by the next one.

import { chmod, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DataLock, lockDataDir } from '../../temporal-dev/data-lock.ts'

const PREFIX = 'cloud-sync-demo-'
/** The embedded PostgreSQL runs as another user when the demo runs as root: it has to get through, not to look around. */
const PASSABLE = 0o711
/** A younger folder may be one whose demo has not locked it yet. */
const LEFTOVER_AGE_MS = 60_000
const REMOVAL = { recursive: true, force: true, maxRetries: 10 } as const

export type DemoFolder = { readonly path: string; readonly dataDir: string; remove(): Promise<void> }

export async function createDemoFolder(): Promise<DemoFolder> {
  await removeLeftovers()
  const path = await mkdtemp(join(tmpdir(), PREFIX))
  await chmod(path, PASSABLE)
  const lock = await lockDataDir(path)
  const dataDir = join(path, 'data')
  await mkdir(dataDir)
  await chmod(dataDir, PASSABLE)
  const remove = async () => {
    await lock.release()
    await rm(path, REMOVAL)
  }
  return { path, dataDir, remove }
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const folder = join(tmpdir(), name)
    const { mtimeMs } = await stat(folder)
    if (Date.now() - mtimeMs < LEFTOVER_AGE_MS) continue
    if (await isHeld(folder)) continue
    // A program that outlived its demo is about to end; the next demo finds the folder again.
    if (await isHeld(join(folder, 'data'))) continue
    await rm(folder, REMOVAL)
  }
}

/** True while a living demo or program has the folder, or where another user's folder does not let us see. */
async function isHeld(folder: string): Promise<boolean> {
  let lock: DataLock
  try {
    lock = await lockDataDir(folder)
  } catch {
    return true
  }
  await lock.release()
  return false
}
