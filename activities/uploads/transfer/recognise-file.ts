// Whether a file at the destination is the archive: by the hash that the provider states, or by reading the file back where
// it states none.

import { setTimeout } from 'node:timers/promises'
import type { FileHash } from '../../../workflows/types.ts'
import type { OpenArchive } from '../../archives/archive-source.ts'
import { StepError } from '../../failures.ts'
import { canReadBack, readBackHash } from '../../proofs/read-back.ts'
import {
  type ArrivedFile,
  type Provider,
  ProviderError,
  type RemoteFile,
  type RemoteFolder,
} from '../../providers/provider.ts'

/** What a file at the destination is compared by. */
export type Comparison = {
  readonly provider: Provider
  readonly signal: AbortSignal
  readonly source: Pick<OpenArchive, 'size' | 'digest' | 'digestBy'>
}

/** A file at the destination that is the archive. */
export type RecognisedFile = {
  readonly file: RemoteFile
  readonly local: FileHash
  /** It was there before this upload, so it is not this upload's to delete. */
  readonly already_present: boolean
}

/** How often, and how far apart, the hash of a present file of equal size is asked for. */
const HASH_TRIES = 3
const HASH_PAUSE_MS = 2_000
/** A hash that is missing after this time never comes (docs/providers.md, 3.3). */
const HASH_PATIENCE_MS = 600_000

/**
 * A file that was recognised by name and size alone was made by this upload if its content is the archive's. Another file is
 * left alone, and the upload takes its other name. Where the provider never states a hash, the file counts as one that was
 * there before, so that nobody deletes it.
 */
export async function recogniseFile(options: Comparison, file: ArrivedFile): Promise<RecognisedFile> {
  const { source, signal } = options
  if (file.is_surmised !== true) return { file, local: await source.digest(signal), already_present: false }
  const stated = await withHash(options, file)
  const local = await equalHash(options, stated)
  if (local !== null) return { file: stated, local, already_present: false }
  if (stated.hashes.length === 0 && !canReadBack(options.provider, stated)) {
    if (Date.now() - Date.parse(file.uploaded_at) < HASH_PATIENCE_MS) {
      throw new StepError(
        'upload_unverified',
        `Whether the file ${JSON.stringify(file.name)} is this upload's shows when the provider states its hash.`,
      )
    }
    return { file: stated, local: await source.digest(signal), already_present: true }
  }
  throw new ProviderError('name_conflict', 'Another file has taken the name during the upload.')
}

async function withHash({ provider, signal }: Comparison, file: RemoteFile): Promise<RemoteFile> {
  let known = file
  for (let tries = 1; known.hashes.length === 0 && tries < HASH_TRIES; tries += 1) {
    await setTimeout(HASH_PAUSE_MS, undefined, { signal })
    known = (await provider.getFile(file.id, signal)) ?? known
  }
  return known
}

/** A file of the right size may be this upload's: while the provider does not state its hash, it is asked again. */
export async function standingFiles(
  { provider, source, signal }: Comparison,
  folder: RemoteFolder,
  name: string,
): Promise<readonly RemoteFile[]> {
  for (let tries = 1; ; tries += 1) {
    const standing = await provider.findFiles(folder, name, signal)
    const isUnclear = standing.some((file) => file.size === source.size && file.hashes.length === 0)
    if (!isUnclear || tries === HASH_TRIES) return standing
    await setTimeout(HASH_PAUSE_MS, undefined, { signal })
  }
}

/**
 * The archive's hash when the remote file has the same content; null when it differs, or when the provider states no hash and
 * the file is too large to be read back for that.
 */
export async function equalHash(
  { provider, source, signal }: Comparison,
  file: RemoteFile,
): Promise<FileHash | null> {
  if (file.size !== source.size) return null
  const remote =
    file.hashes[0] ??
    (canReadBack(provider, file)
      ? await readBackHash(provider.readBack, file, provider.hashAlgorithm, signal)
      : undefined)
  if (remote === undefined) return null
  const local = await source.digestBy(remote.algorithm, signal)
  return local.value === remote.value ? local : null
}

/** Another file has taken the name since it was looked for. */
export function isNameTaken(error: unknown): boolean {
  return error instanceof ProviderError && error.code === 'name_conflict'
}
