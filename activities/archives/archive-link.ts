// The hard link that keeps an archive while uploads need it: BACKUP_ROOT/.cloud-sync/{run_id}/…, no byte copied. All code that
// changes that folder for one run is here. Every link has one maker, because link(2) refuses a name that is taken. So the maker
// of a link may remove it: no other run depends on it. A run depends on the one link that its row names.

import { randomBytes } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { link, lstat, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf, hasErrno } from '../../db/machine/errno.ts'
import { StepError } from '../failures.ts'
import { PIN_FOLDER } from './find-archive.ts'

type LinkOutcome =
  | { readonly is: 'linked'; readonly path: string }
  /** `reason`: the error code of the file system. */
  | { readonly is: 'not_linkable'; readonly reason: string }

/** Another file system, one without links, or one that this program may only read. */
const CANNOT_LINK = ['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES', 'EROFS']
const TRIES = 5
const LONGEST_NAME_BYTES = 255

/** Makes a new link to `original`. Throws StepError `archive_missing` or `archive_unreadable`. */
export async function linkArchive(backupRoot: string, runId: string, original: string): Promise<LinkOutcome> {
  const folder = linkFolder(backupRoot, runId)
  let name = basename(original)
  for (let tries = 1; ; tries += 1) {
    let isFolderThere = false
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      isFolderThere = true
      const path = join(folder, name)
      await link(original, path)
      return { is: 'linked', path }
    } catch (error) {
      const code = errnoOf(error)
      if (CANNOT_LINK.includes(code)) {
        if (isFolderThere) await removeEmptyFolder(folder)
        return { is: 'not_linkable', reason: code }
      }
      const isRaced = isFolderThere && tries < TRIES
      if (isRaced && code === 'EEXIST') {
        name = ownName(basename(original))
        continue
      }
      // Either the empty folder was removed at this moment, or the archive is gone.
      if (isRaced && code === 'ENOENT') {
        if (await isThere(original)) continue
        throw new StepError('archive_missing', 'The archive was removed while it was linked.')
      }
      throw new StepError('archive_unreadable', `The archive cannot be linked (${code}).`)
    }
  }
}

/** The link of an earlier request for this run that ended before its row was written; null when there is none. */
export async function findLeftLink(backupRoot: string, runId: string, name: string): Promise<string | null> {
  const folder = linkFolder(backupRoot, runId)
  const found = (await namesIn(folder)).find(
    (entry) => entry === name || entry.replace(OWN_MARK, '') === name,
  )
  if (found === undefined) return null
  const path = join(folder, found)
  const is = await lookAt(path)
  return is?.isFile() === true ? path : null
}

/** Removes the link, and the run's folder when nothing else is in it. Succeeds when they are gone already. */
export async function removeLink(path: string): Promise<void> {
  await rm(path, { force: true })
  await removeEmptyFolder(dirname(path))
}

/**
 * Removes the link that a run's row names, and all links to the same file in its folder: those of other requests for the run.
 */
export async function removeLinksOfRun(path: string): Promise<void> {
  const folder = dirname(path)
  const own = await lookAt(path)
  for (const name of own === null ? [] : await namesIn(folder)) {
    const other = await lookAt(join(folder, name))
    if (other?.isFile() === true && other.ino === own?.ino && other.dev === own.dev) {
      await rm(join(folder, name), { force: true })
    }
  }
  await removeLink(path)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isGone(error)) return []
    throw unreadable(error)
  })
}

/** What is at the path, no symlink followed; null only when it is gone. Throws StepError `archive_unreadable`. */
export async function lookAt(path: string): Promise<BigIntStats | null> {
  return lstat(path, { bigint: true }).catch((error: unknown) => {
    if (isGone(error)) return null
    throw unreadable(error)
  })
}

/** True where `path` lies in the folder for links of this run: a path from outside may name nothing else. */
export function isLinkOf(backupRoot: string, runId: string, path: string): boolean {
  return dirname(path) === linkFolder(backupRoot, runId) && !['', '.', '..'].includes(basename(path))
}

function linkFolder(backupRoot: string, runId: string): string {
  return join(backupRoot, PIN_FOLDER, runId)
}

export async function removeEmptyFolder(folder: string): Promise<void> {
  await rmdir(folder).catch((error: unknown) => {
    // Another link or file in it, no folder, or gone already: all are left as they are.
    if (!hasErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error
  })
}

const OWN_MARK = /^[0-9a-f]{8}-/

/** A new name: the archive's own behind a mark, without its beginning where that would be too long. */
function ownName(name: string): string {
  const mark = `${randomBytes(4).toString('hex')}-`
  let rest = name
  while (Buffer.byteLength(mark + rest) > LONGEST_NAME_BYTES) rest = [...rest].slice(1).join('')
  return mark + rest
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => !isGone(error),
  )
}

function unreadable(error: unknown): StepError {
  return new StepError('archive_unreadable', `The kept archives cannot be read (${errnoOf(error)}).`)
}

function isGone(error: unknown): boolean {
  return hasErrno(error, 'ENOENT', 'ENOTDIR')
}
