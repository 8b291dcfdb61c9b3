// The files of the repository as the tests of its documents and its layout see them.

import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const SOURCE_FOLDERS = ['workflows', 'activities', 'api', 'db', 'temporal-dev', 'test'] as const
const FOLDERS = [...SOURCE_FOLDERS, 'docs', '.ci'] as const
const TEXT = /\.(ts|mjs|js|css|md)$|^\.ci\/run$/

/** Every file and folder by its path from the root, and the text of those that people write. */
export type Tree = {
  readonly files: ReadonlySet<string>
  readonly folders: ReadonlySet<string>
  readonly texts: ReadonlyMap<string, string>
}

export async function readTree(): Promise<Tree> {
  const lists = await Promise.all([filesAtRoot(), ...FOLDERS.map(filesBelow)])
  const files = new Set(lists.flat())
  const written = [...files].filter((path) => TEXT.test(path))
  const texts = await Promise.all(
    written.map(async (path) => [path, await readFile(join(ROOT, path), 'utf8')] as const),
  )
  return { files, folders: foldersOf(files), texts: new Map(texts) }
}

async function filesAtRoot(): Promise<readonly string[]> {
  const entries = await readdir(ROOT, { withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(ROOT.length))
}

/** Every folder on the way to a file. */
export function foldersOf(files: Iterable<string>): ReadonlySet<string> {
  const folders = new Set<string>()
  for (const file of files)
    for (let folder = dirname(file); folder !== '.'; folder = dirname(folder)) folders.add(folder)
  return folders
}
