// Whether two names mean one archive: it may be named relative to BACKUP_ROOT or absolutely, and in more ways than one.
// Only the names and the real path that was found on acceptance are compared: the file may be gone by now.

import { resolve } from 'node:path'
import type { Run } from '../schema.ts'

/** Stands for a root that is not known here; no path that anybody writes lies in it. */
const UNKNOWN_ROOT = '/\0'

export function isArchiveOf(
  run: Pick<Run, 'archive' | 'archive_path'>,
  given: string,
  backupRoot: string = UNKNOWN_ROOT,
): boolean {
  if (run.archive === given) return true
  const meant = resolve(backupRoot, given)
  return meant === resolve(backupRoot, run.archive) || meant === run.archive_path
}
