// The last way to prove a copy: where a provider states no hash, what stands there is read back and hashed here. It costs the
// whole file once more, so a large one is read only when the hash has stayed away for long (docs/providers.md, 3.3).

import type { FileHash } from '../../workflows/types.ts'
import { createArchiveHash } from '../archives/archive-hash.ts'
import type { Patience } from '../patience.ts'
import type { Provider, RemoteFile } from '../providers/provider.ts'
import { isEnough, type LooksInVain } from './proof-patience.ts'

const PIECE_BYTES = 8 * 1024 * 1024
/** Up to this size reading back is sooner done than waiting. */
const SMALL_BYTES = 64 * 1024 * 1024
const LOOKS_FOR_SMALL = 3

/** Whether the provider has had its time to state a hash of a copy of this size, in bytes. */
export function isTimeToReadBack(
  size: number,
  looks: LooksInVain,
  nowMs: number,
  patience: Patience,
): boolean {
  return isEnough(looks, nowMs, patience) || (size <= SMALL_BYTES && looks.looks >= LOOKS_FOR_SMALL)
}

/** Whether what stands there can be compared at once, by reading it back. */
export function canReadBack(
  provider: Provider,
  { size }: RemoteFile,
): provider is Provider & Required<Pick<Provider, 'readBack'>> {
  return provider.readBack !== undefined && size <= SMALL_BYTES
}

/** The hash of the file's content as the provider gives it out. */
export async function readBackHash(
  readBack: NonNullable<Provider['readBack']>,
  file: RemoteFile,
  algorithm: FileHash['algorithm'],
  signal: AbortSignal,
): Promise<FileHash> {
  const hash = createArchiveHash(algorithm, file.size)
  for (let start = 0; start < file.size; start += PIECE_BYTES) {
    signal.throwIfAborted()
    hash.feed(start, await readBack(file.id, start, Math.min(start + PIECE_BYTES, file.size), signal))
  }
  return hash.digest()
}
