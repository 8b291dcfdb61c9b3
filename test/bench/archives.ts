// The archives that are uploaded: random bytes, as no network or cloud compresses a backup; or a hole of the right size.

import { randomFillSync } from 'node:crypto'
import { link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export const MIB = 1024 * 1024
export const GIB = 1024 * MIB

/** A file of `size` random bytes. */
export async function writeRandom(path: string, size: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'wx')
  const piece = Buffer.allocUnsafe(8 * MIB)
  try {
    for (let at = 0; at < size; at += piece.byteLength) {
      randomFillSync(piece)
      await file.write(piece, 0, Math.min(piece.byteLength, size - at))
    }
    // Written down before anything is measured.
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A file of `size` zeros that takes no room on the disk. */
export async function writeSparse(path: string, size: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'wx')
  try {
    await file.truncate(size)
  } finally {
    await file.close()
  }
}

/** Gives the file another name below `root` while `work` runs: every upload is one of a new archive. */
export async function underNewName<T>(
  file: string,
  root: string,
  name: string,
  work: (name: string) => Promise<T>,
): Promise<T> {
  const path = join(root, name)
  await mkdir(dirname(path), { recursive: true })
  await link(file, path)
  try {
    return await work(name)
  } finally {
    await unlink(path)
  }
}
