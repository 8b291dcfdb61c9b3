// What is kept of an upload between attempts. Small files need no session at Dropbox; middle ones go into a sequential
// session, whose offset can be asked; large ones into a concurrent session, for which Dropbox tells nobody which
// chunks have arrived, so that a ledger of acknowledged chunks is part of what is saved (docs/providers.md, 2.3).

import { z } from 'zod'
import { DROPBOX_BLOCK_BYTES } from '../../archives/hashes/dropbox-content-hash.ts'
import { ProviderError, type UploadSession } from '../provider.ts'

const createdAt = z.iso.datetime()
/** Bytes of an append at most: a multiple of 4 MiB. */
const blocks = z.int().positive().multipleOf(DROPBOX_BLOCK_BYTES)

const singleSchema = z.object({ kind: z.literal('single'), created_at: createdAt })
const sequentialSchema = z.object({
  kind: z.literal('sequential'),
  created_at: createdAt,
  session_id: z.string().min(1),
  chunk_bytes: blocks,
  /** True once the file may have been committed. */
  finishing: z.boolean(),
})
const concurrentSchema = z.object({
  kind: z.literal('concurrent'),
  created_at: createdAt,
  session_id: z.string().min(1),
  chunk_bytes: blocks,
  /** Acknowledged blocks of 4 MiB as [first, last + 1), ascending. */
  stored: z.array(z.tuple([z.int().nonnegative(), z.int().positive()])),
  finishing: z.boolean(),
})
const sessionSchema = z.discriminatedUnion('kind', [singleSchema, sequentialSchema, concurrentSchema])

export type SequentialSession = z.infer<typeof sequentialSchema>
export type ConcurrentSession = z.infer<typeof concurrentSchema>
type DropboxSession = z.infer<typeof sessionSchema>

/** Reads a saved session; one of another shape (a newer version's) counts as forgotten. */
export function readSession(session: UploadSession): DropboxSession {
  const parsed = sessionSchema.safeParse(session)
  if (parsed.success) return parsed.data
  throw new ProviderError('session_expired', 'The saved upload cannot be read by this version.')
}

/**
 * The plan of a concurrent upload: whole blocks of 4 MiB, and the closing piece of at most 4 MiB, the only one whose length
 * may be odd. It is sent when all the others are acknowledged: a closed session takes nothing more.
 */
type BlockPlan = { readonly count: number; readonly closingStart: number }

export function planBlocks(size: number): BlockPlan {
  const count = Math.floor((size - 1) / DROPBOX_BLOCK_BYTES)
  return { count, closingStart: count * DROPBOX_BLOCK_BYTES }
}

/** Blocks [first, end). */
type BlockRun = { readonly first: number; readonly end: number }

interface BlockLedger {
  /** The next blocks that are neither taken nor stored yet, at most so many; null when there are none. */
  takeRun(mostBlocks: number): BlockRun | null
  add(run: BlockRun): void
  /** Bytes [0, offset) are all acknowledged. */
  offset(): number
  /** The ledger for saving. */
  ranges(): [number, number][]
}

export function createBlockLedger(plan: BlockPlan, stored: ConcurrentSession['stored']): BlockLedger {
  const isStored = new Uint8Array(plan.count)
  for (const [first, end] of stored) isStored.fill(1, first, end)
  let prefix = 0
  let next = 0
  return {
    takeRun: (mostBlocks) => {
      while (next < plan.count && isStored[next] === 1) next += 1
      const first = next
      while (next < plan.count && next - first < mostBlocks && isStored[next] === 0) next += 1
      return next > first ? { first, end: next } : null
    },
    add: ({ first, end }) => {
      isStored.fill(1, first, end)
    },
    offset: () => {
      while (prefix < plan.count && isStored[prefix] === 1) prefix += 1
      return prefix * DROPBOX_BLOCK_BYTES
    },
    ranges: () => {
      const ranges: [number, number][] = []
      for (let index = 0; index < plan.count; index += 1) {
        if (isStored[index] === 0) continue
        const last = ranges.at(-1)
        if (last?.[1] === index) last[1] = index + 1
        else ranges.push([index, index + 1])
      }
      return ranges
    },
  }
}
