// Gives a finished file its name unless that name is taken: of several programs that try at once, one succeeds.

import { constants, copyFile, link } from 'node:fs/promises'
import { hasErrno } from './errno.ts'

const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

/**
 * False when the name is taken. Where the file system has no hard links the file is copied, which is less exact: another
 * program may see the copy before it is complete.
 */
export async function linkOnce(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to).catch((error: unknown) => {
      if (!hasErrno(error, ...NO_LINKS)) throw error
      return copyFile(from, to, constants.COPYFILE_EXCL)
    })
    return true
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    throw error
  }
}
