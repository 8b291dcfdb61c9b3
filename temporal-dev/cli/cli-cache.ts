// Keeps a fetched Temporal CLI outside the data folder, for all clones and data folders of one user. The file's name
// carries the SHA-256 of its content, which is checked at each use; it appears complete or not at all (temporary file,
// then rename), so that two programs may fetch at once.
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, constants, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { CLI_VERSION, checkCli, platformKey } from './cli-release.ts'

type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = `temporal-${CLI_VERSION}-${platformKey()}-`

/** The folder for fetched programs: of the user's cache, or of the temporary folder when the home is not writable. */
export async function cacheFolder(environment: Environment): Promise<string> {
  const folder = join(
    environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), '.cache'),
    'cloud-sync',
  )
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await access(folder, constants.W_OK)
    return folder
  } catch {
    // No home, or one that is read-only: services often have such.
    return await temporaryCache()
  }
}

async function temporaryCache(): Promise<string> {
  const uid = process.getuid?.()
  const folder = join(tmpdir(), `cloud-sync-cache-${uid ?? 'user'}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // Every user can write to the temporary folder: a folder of this name that another one made may hold anything.
  const found = await lstat(folder)
  if (!found.isDirectory() || (uid !== undefined && (found.uid !== uid || (found.mode & 0o022) !== 0))) {
    throw new Error(`${folder} is not a folder that only this user can write to: remove it`)
  }
  return folder
}

/** The path of an earlier fetched binary of the pinned release, or undefined; a damaged one is removed. */
export async function findCached(folder: string): Promise<string | undefined> {
  for (const name of (await readdir(folder)).sort()) {
    if (!name.startsWith(PREFIX)) continue
    const path = join(folder, name)
    if ((await hashOf(path)) === name.slice(PREFIX.length)) return path
    await rm(path, { force: true })
  }
  return undefined
}

/** Puts a binary into the folder, if it is a usable CLI. Throws a one-line reason when it is not. */
export async function keepInCache(folder: string, content: Buffer): Promise<string> {
  const path = join(folder, PREFIX + createHash('sha256').update(content).digest('hex'))
  const draft = join(folder, `.draft-${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    await writeFile(draft, content, { mode: 0o755, flag: 'wx' })
    await checkCli(draft)
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
  return path
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}
