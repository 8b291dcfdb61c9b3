// Hashes of an archive on disk, by each algorithm that a provider states: read once more here, apart from the upload.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createDropboxContentHash } from '../../../activities/archives/hashes/dropbox-content-hash.ts'
import { createQuickXorHash } from '../../../activities/archives/hashes/quickxorhash.ts'
import type { HashAlgorithm } from '../../../workflows/types.ts'

export type LocalHashes = Readonly<Record<HashAlgorithm, string>>

export async function hashArchive(path: string, signal: AbortSignal): Promise<LocalHashes> {
  const md5 = createHash('md5')
  const sha256 = createHash('sha256')
  const dropbox = createDropboxContentHash()
  const quickXor = createQuickXorHash()
  for await (const piece of createReadStream(path, { highWaterMark: 1024 ** 2, signal })) {
    const bytes = Buffer.from(piece)
    for (const hash of [md5, sha256, dropbox, quickXor]) hash.update(bytes)
  }
  return {
    md5: md5.digest('hex'),
    sha256: sha256.digest('hex'),
    dropbox_content_hash: dropbox.digest(),
    quickxorhash: quickXor.digest(),
  }
}
