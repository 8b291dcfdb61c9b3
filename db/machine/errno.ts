// Why the operating system refused something, by its code, and files that may or may not be there.

import { readFile, stat } from 'node:fs/promises'

/** The system's code, such as ENOENT or EACCES; 'unknown error' where the error carries none. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown error'
}

export function hasErrno(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(errnoOf(error))
}

/** Whether the error means that there is no such file (ESRCH: below /proc, no such process). */
export function isMissing(error: unknown): boolean {
  return hasErrno(error, 'ENOENT', 'ESRCH')
}

/** Null where there is no such file. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/** Whether something is at the path. Throws what keeps it from being looked at. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}
