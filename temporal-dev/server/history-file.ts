// The file that the embedded Temporal server keeps its histories in: SQLite with a write-ahead log. A file that does not open is
// moved aside and never deleted; a server that is only slow keeps its file.
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isThere } from '../../db/machine/errno.ts'

/**
 * SQLite's messages, with its result codes, for a file that is no database, that is damaged or cut off, or whose tables are
 * those of another release (tried with CLI 1.9.1). Other messages about the database (locked, full, slow) are not about the
 * file.
 */
const FILE_DOES_NOT_OPEN =
  /file is not a database \(26\)|database disk image is malformed \(11\)|SQL logic error: (no such (table|column)|table \S+ has no column)/

/** True when this last word of a server says that its file does not open. */
export function isUnopened(lastWord: string): boolean {
  return FILE_DOES_NOT_OPEN.test(lastWord)
}

export function historyIn(directory: string): string {
  return join(directory, 'temporal.db')
}

export function hasHistory(directory: string): Promise<boolean> {
  return isThere(historyIn(directory))
}

const SUFFIXES = ['', '-wal', '-shm'] as const

/** Moves the history out of the way and returns its new path. */
export async function moveAside(directory: string): Promise<string> {
  const aside = join(directory, `temporal.db.unopened-${new Date().toISOString().replace(/[:.]/g, '-')}`)
  await moveAll(historyIn(directory), aside)
  return aside
}

/** Puts the history back that was moved aside, in place of what was begun meanwhile. */
export async function moveBack(directory: string, aside: string): Promise<void> {
  const history = historyIn(directory)
  // A write-ahead log of the failed new file must not be taken for one of the old.
  for (const suffix of SUFFIXES) await rm(history + suffix, { force: true })
  await moveAll(aside, history)
}

async function moveAll(from: string, to: string): Promise<void> {
  for (const suffix of SUFFIXES) {
    if (await isThere(from + suffix)) await rename(from + suffix, to + suffix)
  }
}
