// The key file: one Fernet key per line, the first seals, all open. Made once, readable by its owner only. It is never made anew
// while the database holds sealed rows, because that would silently lose every credential. No message quotes a key or a line of
// the file.

import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { constants, type FileHandle, mkdir, open, realpath, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, isMissing } from '../machine/errno.ts'
import { linkOnce } from '../machine/link-once.ts'
import { isFernetKey, newFernetKey } from './fernet.ts'

export class KeyFileError extends Error {
  override readonly name = 'KeyFileError'
}

const OTHERS_MAY = 0o077
const MAX_FILE_BYTES = 64 * 1024

/**
 * The keys of the file, the sealing one first; makes the file with one new key when it is missing and nothing is
 * sealed yet. Throws KeyFileError when it is missing otherwise, open to others, or malformed.
 */
export async function loadOrCreateKeys(
  path: string,
  options: { readonly sealedRowsExist: boolean },
): Promise<readonly string[]> {
  const found = await readKeyFile(path)
  if (found !== null) {
    return found
  }
  if (options.sealedRowsExist) {
    throw new KeyFileError(
      `The key file ${path} is missing, and the database holds credentials sealed with its key. ` +
        'Put the file back from your backup, or point SECRET_KEY_FILE to it. Nothing was changed.',
    )
  }
  await createKeyFile(path)
  const made = await readKeyFile(path)
  if (made === null) {
    throw new KeyFileError(`The key file ${path} disappeared while it was made.`)
  }
  return made
}

/** Null when there is no such file. */
export async function readKeyFile(path: string): Promise<readonly string[] | null> {
  const file = await openIfThere(path)
  if (file === null) {
    return null
  }
  try {
    refuseUnsafe(path, await file.stat())
    return keysOfFile(path, await file.readFile('utf8'))
  } finally {
    await file.close()
  }
}

/** As `readKeyFile`, synchronously; here a missing file is an error of the system. */
export function readKeyFileSync(path: string): readonly string[] {
  const file = openSync(path, constants.O_RDONLY)
  try {
    refuseUnsafe(path, fstatSync(file))
    return keysOfFile(path, readFileSync(file, 'utf8'))
  } finally {
    closeSync(file)
  }
}

function refuseUnsafe(path: string, found: Stats): void {
  if (!found.isFile() || found.size > MAX_FILE_BYTES) {
    throw new KeyFileError(`The key file ${path} is no file of keys.`)
  }
  if ((found.mode & OTHERS_MAY) !== 0) {
    throw new KeyFileError(`The key file ${path} is open to group or others: run chmod 600 on it.`)
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDONLY)
  } catch (error) {
    if (isMissing(error)) {
      return null
    }
    throw new KeyFileError(`The key file ${path} cannot be read: check its owner and permissions.`, {
      cause: error,
    })
  }
}

/** Throws KeyFileError, which names the line and not its content. */
function keysOfFile(path: string, text: string): readonly string[] {
  const keys = text.split('\n').flatMap((line, index) => {
    const key = line.trim()
    if (key !== '' && !isFernetKey(key)) {
      throw new KeyFileError(
        `Line ${index + 1} of the key file ${path} is no Fernet key (32 bytes in urlsafe base64).`,
      )
    }
    return key === '' ? [] : [key]
  })
  if (keys.length === 0) {
    throw new KeyFileError(`The key file ${path} holds no key: put it back from your backup.`)
  }
  return keys
}

/**
 * Written whole to a name of its own and then linked to `path`, which fails when another process was first: the
 * file is either not there or complete, also after a power cut. Losing that race is not an error.
 */
async function createKeyFile(path: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = join(folder, `.secret-key-${randomBytes(8).toString('hex')}`)
  const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    await file.writeFile(`${newFernetKey()}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await linkOnce(draft, path)
  } finally {
    await unlink(draft)
  }
  await syncFolder(folder)
}

/**
 * Replaces the whole file at once, readable by its owner only: what reads it finds the old keys or the new ones. Throws
 * KeyFileError, and leaves everything as it was, where the file cannot be replaced. Callers hold the lock of the file.
 */
export async function replaceKeyFile(path: string, keys: readonly string[]): Promise<void> {
  const target = await realpath(path)
  const folder = dirname(target)
  const draft = join(folder, `.secret-key-${randomBytes(8).toString('hex')}`)
  const owner = await stat(target)
  try {
    await writeDraft(draft, keys, owner)
    await rename(draft, target)
  } catch (error) {
    // The draft holds all keys.
    await unlink(draft).catch((left: unknown) => {
      if (!isMissing(left)) throw new KeyFileError(`Remove ${draft}: it holds keys.`, { cause: left })
    })
    throw new KeyFileError(notReplaceable(path, error), { cause: error })
  }
  await syncFolder(folder)
}

async function writeDraft(draft: string, keys: readonly string[], owner: Stats): Promise<void> {
  const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    await file.writeFile(`${keys.join('\n')}\n`)
    if (process.getuid?.() === 0) await file.chown(owner.uid, owner.gid)
    await file.sync()
  } finally {
    await file.close()
  }
}

function notReplaceable(path: string, error: unknown): string {
  const code = errnoOf(error)
  const advice =
    code === 'EBUSY'
      ? 'it is mounted as a single file, so mount its folder instead'
      : 'its folder must be writable and have space'
  return `The key file ${path} cannot be replaced (${code}): ${advice}. Nothing was changed.`
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
