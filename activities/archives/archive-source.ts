// The archive while it is sent: reads ranges in small pieces, hashes each byte once on the way, and notices when the file
// is not the one that was opened any more. Memory does not grow with the archive.

import type { FileHandle } from 'node:fs/promises'
import { stat } from 'node:fs/promises'
import { errnoOf, isMissing } from '../../db/machine/errno.ts'
import type { FileHash, HashAlgorithm } from '../../workflows/types.ts'
import { StepError } from '../failures.ts'
import type { ArchiveSource } from '../providers/provider.ts'
import { createArchiveHash } from './archive-hash.ts'
import { identityOf, openArchive } from './find-archive.ts'
import type { ByteRange } from './hashes/dropbox-content-hash.ts'

/** Small enough that a slow line moves one within the stall time, large enough that the cost of a call does not matter. */
const PIECE_BYTES = 512 * 1024
/** A change is noticed after at most so many bytes, however much one request sends. */
const CHECK_EVERY_BYTES = 16 * 1024 * 1024

export type ExpectedArchive = {
  /** Where to read: the link, or the original. */
  readonly path: string
  /** As the caller named it, for messages. */
  readonly name: string
  readonly size: number
  readonly mtime_ns: string
}

export interface OpenArchive extends ArchiveSource {
  /** Hashes what the algorithm needs before bytes at `offset` are sent; for going on in the middle. */
  prepare(offset: number, signal: AbortSignal): Promise<void>
  /** Hashes what was not sent (again), checks that the file is unchanged, and gives the hash of the whole file. */
  digest(signal: AbortSignal): Promise<FileHash>
  /** The same by another algorithm, by reading the file once more. */
  digestBy(algorithm: HashAlgorithm, signal: AbortSignal): Promise<FileHash>
  /** The hash of the whole file where every byte has been read by now; else null. */
  known(): FileHash | null
  close(): Promise<void>
}

/** Throws StepError `archive_missing`, `archive_changed` or `archive_unreadable`. */
export async function openArchiveSource(
  expected: ExpectedArchive,
  algorithm: HashAlgorithm,
): Promise<OpenArchive> {
  const file = await openArchive(expected.path, expected.name)
  const hash = createArchiveHash(algorithm, expected.size)
  let whole: FileHash | undefined
  const digestOf = (into: typeof hash): FileHash => {
    if (into !== hash) return into.digest()
    // Not every kind of hash can be asked twice.
    whole ??= hash.digest()
    return whole
  }
  const assertUnchanged = () => refuseChange(file, expected)
  try {
    await assertUnchanged()
  } catch (error) {
    await file.close()
    throw error
  }

  async function hashRange(range: ByteRange, into: typeof hash, signal: AbortSignal): Promise<void> {
    for await (const { position, piece } of pieces(file, expected, range)) {
      signal.throwIfAborted()
      into.feed(position, piece)
    }
  }
  async function finish(into: typeof hash, signal: AbortSignal): Promise<FileHash> {
    for (let range = into.missing(); range !== null; range = into.missing())
      await hashRange(range, into, signal)
    await assertUnchanged()
    return digestOf(into)
  }

  return {
    size: expected.size,
    async *read(start, end) {
      let checkedAt = start
      for await (const { position, piece } of pieces(file, expected, { start, end })) {
        hash.feed(position, piece)
        // Before the last byte leaves: afterwards the provider may have committed the file. At the end of every range,
        // because ranges may be sent side by side, and any of them may be the last one.
        const reached = position + piece.byteLength
        if (reached >= end || reached - checkedAt >= CHECK_EVERY_BYTES) {
          await assertUnchanged()
          checkedAt = reached
        }
        yield piece
      }
    },
    prepare: async (offset, signal) => {
      const gap = hash.gapBefore(offset)
      if (gap !== null) await hashRange(gap, hash, signal)
    },
    digest: (signal) => finish(hash, signal),
    digestBy: (other, signal) => finish(createArchiveHash(other, expected.size), signal),
    known: () => (hash.missing() === null ? digestOf(hash) : null),
    close: () => file.close(),
  }
}

/**
 * Reads on while a piece is sent, into two buffers in turn: a piece is valid until the next one is asked for. (A new
 * buffer for each piece costs a third more processor time, for page faults and garbage collection.)
 */
async function* pieces(file: FileHandle, expected: ExpectedArchive, range: ByteRange) {
  const length = Math.min(PIECE_BYTES, range.end - range.start)
  let [filling, other] = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)]
  const readAt = async (position: number): Promise<Buffer> => {
    const buffer = filling
    filling = other
    other = buffer
    const wanted = Math.min(length, range.end - position)
    const { bytesRead } = await file.read(buffer, 0, wanted, position).catch(unreadable(expected))
    if (bytesRead === 0) throw changed(expected)
    return buffer.subarray(0, bytesRead)
  }
  let position = range.start
  let ahead = position < range.end ? readAt(position) : null
  try {
    while (ahead !== null) {
      const piece: Buffer = await ahead
      const next = position + piece.byteLength
      ahead = next < range.end ? readAt(next) : null
      yield { position, piece }
      position = next
    }
  } finally {
    // A reader that stops early ignores a failure of the read ahead.
    await ahead?.catch(() => undefined)
  }
}

async function refuseChange(file: FileHandle, expected: ExpectedArchive): Promise<void> {
  const open = identityOf(await file.stat({ bigint: true }).catch(unreadable(expected)))
  if (open.size !== expected.size || open.mtime_ns !== expected.mtime_ns) throw changed(expected)
  // Where this program has made no link, another file may have taken the path: the open one would be an orphan.
  const standing = await stat(expected.path, { bigint: true }).catch((error: unknown) => {
    if (!isMissing(error)) return unreadable(expected)(error)
    throw new StepError(
      'archive_missing',
      `The archive ${JSON.stringify(expected.name)} was removed while it was read.`,
    )
  })
  if (standing.ino.toString() !== open.inode) throw changed(expected)
}

function unreadable(expected: ExpectedArchive): (error: unknown) => never {
  return (error) => {
    throw new StepError(
      'archive_unreadable',
      `Reading the archive ${JSON.stringify(expected.name)} failed (${errnoOf(error)}).`,
    )
  }
}

function changed(expected: ExpectedArchive): StepError {
  return new StepError(
    'archive_changed',
    `The archive ${JSON.stringify(expected.name)} changed while it was read.`,
  )
}
