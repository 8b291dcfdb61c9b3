// The archive on disk: which file is meant, that it lies under BACKUP_ROOT with every symlink resolved (docs/security.md,
// S12), that its kind is supported, and what identifies it while it is read.

import { type BigIntStats, constants } from 'node:fs'
import { open, realpath, stat } from 'node:fs/promises'
import { isAbsolute, relative, resolve, sep } from 'node:path'
import { errnoOf } from '../../db/machine/errno.ts'
import { isArchiveName } from '../../workflows/archives/archive-name.ts'
import { StepError } from '../failures.ts'

/** Where accepted archives are linked to until they are safe. */
export const PIN_FOLDER = '.cloud-sync'

export type ArchiveFile = {
  /** Absolute, symlinks resolved. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly mtime_ns: string
  readonly inode: string
}

/**
 * Finds the archive that `given` (relative to the root, or absolute beneath it) names.
 * Throws StepError `archive_outside_root`, `archive_missing`, `archive_unsupported`, `archive_empty`, `archive_unreadable`.
 */
export async function findArchive(backupRoot: string, given: string): Promise<ArchiveFile> {
  const root = await realRoot(backupRoot)
  const wanted = isAbsolute(given) ? resolve(given) : resolve(root, given)
  const isWritten = isBeneath(root, wanted) || isBeneath(resolve(backupRoot), wanted)
  if (!isWritten) throw outside(given)
  if (!isArchiveName(wanted)) throw unsupported(given)
  const path = await realpath(wanted).catch((error: unknown) => {
    throw unreachable(given, error)
  })
  if (!isBeneath(root, path)) throw outside(given)
  if (isBeneath(resolve(root, PIN_FOLDER), path)) {
    throw new StepError(
      'archive_outside_root',
      `The archive lies in ${PIN_FOLDER}, which is this program's own folder.`,
    )
  }
  // The name of the file that is meant, not that of a link to it, is the one at the destination.
  if (!isArchiveName(path)) throw unsupported(given)
  return { ...(await identify(path, given)), path }
}

/** What tells this file from another one at its path. Throws like `findArchive`. */
export async function identify(path: string, given: string): Promise<Omit<ArchiveFile, 'path'>> {
  const found = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw unreachable(given, error)
  })
  if (!found.isFile())
    throw new StepError('archive_unsupported', `The archive ${quoted(given)} is no regular file.`)
  if (found.size === 0n) throw new StepError('archive_empty', `The archive ${quoted(given)} is empty.`)
  return identityOf(found)
}

export function identityOf(found: BigIntStats): Omit<ArchiveFile, 'path'> {
  return { size: Number(found.size), mtime_ns: found.mtimeNs.toString(), inode: found.ino.toString() }
}

/** Opens for reading; throws `archive_missing` or `archive_unreadable`. */
export async function openArchive(path: string, given: string) {
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    throw unreachable(given, error)
  })
}

/** BACKUP_ROOT with symlinks resolved; throws StepError `archive_unreadable`. */
export async function realRoot(backupRoot: string): Promise<string> {
  return realpath(backupRoot).catch((error: unknown) => {
    throw new StepError('archive_unreadable', `BACKUP_ROOT ${backupRoot} cannot be read (${errnoOf(error)}).`)
  })
}

function isBeneath(root: string, path: string): boolean {
  const way = relative(root, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function outside(given: string): StepError {
  return new StepError('archive_outside_root', `The archive ${quoted(given)} does not lie under BACKUP_ROOT.`)
}

function unsupported(given: string): StepError {
  return new StepError(
    'archive_unsupported',
    `The archive ${quoted(given)} is no .zip, .dump or .tar.gz file.`,
  )
}

/** No file can be at a path that is too long, or a circle of links: a retry does not help. */
const MISSING = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']

function unreachable(given: string, error: unknown): StepError {
  const code = errnoOf(error)
  if (MISSING.includes(code)) {
    return new StepError('archive_missing', `There is no archive ${quoted(given)} under BACKUP_ROOT.`)
  }
  return new StepError('archive_unreadable', `The archive ${quoted(given)} cannot be read (${code}).`)
}

function quoted(given: string): string {
  return JSON.stringify(given)
}
