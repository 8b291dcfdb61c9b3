// Removes links of archives that no run's row names: a process was killed between link and row, or another request for the
// run was first. A link is young for an hour, in which its row may still be written. Only plain files in this program's own
// folder are touched, and no symlink is followed into or out of it.

import { randomUUID } from 'node:crypto'
import { lstat, opendir, readdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { getRunsById } from '../../db/runs/runs.ts'
import { isArchiveName } from '../../workflows/archives/archive-name.ts'
import { RUN_ID } from '../../workflows/workflow-ids.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { lookAt, removeEmptyFolder } from './archive-link.ts'
import { PIN_FOLDER } from './find-archive.ts'

/** Longer than the life of any request or activity that links an archive and then writes its row. */
const YOUNG_MS = 3_600_000
const RUNS_AT_ONCE = 100
const LONGEST_MS = 45_000

type OrphanActivities = {
  /**
   * `removed`: how many links were removed. One sweep ends after 45 s; the next one continues.
   * `young_ms` (default: an hour) is how long a link is left alone.
   */
  sweepOrphanPins(input: { young_ms?: number }): Promise<{ removed: number }>
}

export function createOrphanActivities(deps: ActivityDeps): OrphanActivities {
  return {
    sweepOrphanPins: async ({ young_ms = YOUNG_MS }) => {
      const folder = join(deps.config.backupRoot, PIN_FOLDER)
      if (!(await isFolder(folder))) return { removed: 0 }
      const until = performance.now() + LONGEST_MS
      const olderThan = (await clockOf(folder)) - young_ms
      let removed = 0
      for await (const runIds of runsIn(folder)) {
        removed += await sweepRuns(deps, folder, runIds, olderThan)
        if (performance.now() > until) break
      }
      if (removed > 0) deps.log.warn({ removed }, 'removed links of archives that belong to no run')
      return { removed }
    },
  }
}

/** Milliseconds since 1970 by the clock that dates the files of this folder: it may be a file server's. */
async function clockOf(folder: string): Promise<number> {
  // No run has an ID that begins with a dot.
  const probe = join(folder, `.clock-${randomUUID()}`)
  await writeFile(probe, '', { flag: 'wx', mode: 0o600 })
  try {
    return (await lstat(probe)).ctimeMs
  } finally {
    await rm(probe, { force: true })
  }
}

/** The IDs of runs that have a folder here, some at a time. */
async function* runsIn(folder: string): AsyncGenerator<readonly string[], void> {
  let batch: string[] = []
  for await (const { name } of await opendir(folder)) {
    if (!RUN_ID.test(name)) continue
    batch.push(name)
    if (batch.length < RUNS_AT_ONCE) continue
    yield batch
    batch = []
  }
  yield batch
}

/** The rows are read after the links: when a link is old by then and no row names it, no row will. */
async function sweepRuns(
  { db }: Pick<ActivityDeps, 'db'>,
  folder: string,
  runIds: readonly string[],
  olderThan: number,
): Promise<number> {
  const old = new Map<string, readonly string[]>()
  for (const runId of runIds) {
    const names = await oldLinks(join(folder, runId), olderThan)
    if (names.length > 0) old.set(runId, names)
  }
  const rows = await getRunsById(db, [...old.keys()])
  const kept = new Map(rows.map(({ id, pin_path }) => [id, pin_path === null ? null : basename(pin_path)]))
  let removed = 0
  for (const [runId, names] of old) {
    for (const name of names) {
      // Compared by its name in the run's own folder: BACKUP_ROOT may have been spelled differently when the row was written.
      if (kept.get(runId) === name) continue
      await rm(join(folder, runId, name), { force: true })
      removed += 1
    }
  }
  for (const runId of runIds) await removeEmptyFolder(join(folder, runId))
  return removed
}

/** A link changes the ctime of the file, by which a young link of an old archive is recognised. No symlink is followed. */
async function oldLinks(folder: string, olderThan: number): Promise<readonly string[]> {
  if (!(await isFolder(folder))) return []
  const old: string[] = []
  for (const name of await readdir(folder)) {
    const is = await lookAt(join(folder, name))
    if (is?.isFile() === true && isArchiveName(name) && is.ctimeMs < olderThan) old.push(name)
  }
  return old
}

async function isFolder(path: string): Promise<boolean> {
  return (await lookAt(path))?.isDirectory() === true
}
