// Writes the demo's archives to disk, piece by piece, and opens each one again to see that it is whole.

import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createGzip, gunzip as gunzipCallback } from 'node:zlib'
import { odooBackup, odooDatabase } from './odoo.ts'
import { checkPgDump, pgDumpArchive } from './pg-dump.ts'
import { checkTar, tarArchive } from './tar.ts'
import { checkZip, zipArchive } from './zip.ts'

const gunzip = promisify(gunzipCallback)

export type ArchiveKind = 'zip' | 'dump' | 'tar.gz'

/**
 * Writes a backup of about `bytes` to `path`, whose folders are made. As a careful backup job does, it appears under its
 * name when it is complete. Returns its size.
 */
export async function writeArchive(options: {
  readonly kind: ArchiveKind
  readonly path: string
  readonly database: string
  readonly bytes: number
  readonly signal?: AbortSignal | undefined
}): Promise<number> {
  const { kind, path, database, bytes, signal } = options
  await mkdir(dirname(path), { recursive: true })
  const draft = `${path}.part`
  const file = createWriteStream(draft)
  const how = signal === undefined ? {} : { signal }
  const madeAt = new Date()
  if (kind === 'zip') await pipeline(zipArchive(odooBackup(database, bytes, madeAt)), file, how)
  else if (kind === 'dump') await pipeline(pgDumpArchive(odooDatabase(database, bytes, madeAt)), file, how)
  else {
    const entries = odooBackup(database, bytes, madeAt, `${database}/`)
    await pipeline(tarArchive(entries), createGzip({ level: 1 }), file, how)
  }
  await rename(draft, path)
  return (await stat(path)).size
}

/** What is in the archive: files, or tables of a database dump. Throws when it is not whole. */
export async function checkArchive(kind: ArchiveKind, path: string): Promise<string[]> {
  const archive = await readFile(path)
  if (kind === 'zip') return checkZip(archive)
  if (kind === 'dump') return checkPgDump(archive)
  return checkTar(await gunzip(archive))
}
