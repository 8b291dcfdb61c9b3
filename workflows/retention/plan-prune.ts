// Which remote archives a prune deletes: a pure function of the listing (docs/design.md, rule 4). The guard lives here
// and nowhere else; the preview in the API uses the same function.

import { isArchiveName } from '../archives/archive-name.ts'
import type { RetentionScope } from '../types.ts'

export type ListedFile = {
  readonly id: string
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** RFC 3339, as the provider says. */
  readonly uploaded_at: string
  readonly revision: string | null
}

/** What a preview is asked of: a binding as it is, or one as it would be, before it is saved. */
export type PreviewInput = { readonly keep_last: number; readonly database?: string | null } & (
  | { readonly binding_id: string }
  | {
      readonly account_id: string
      readonly instance_slug: string
      readonly remote_path: string
      readonly retention_scope: RetentionScope
    }
)

export type PruneSkip = 'would_delete_all' | 'new_file_not_listed'

type PrunePlan = {
  /** Oldest first, so that a pass that is broken off has deleted the oldest ones. Empty when skipped. */
  readonly delete: readonly ListedFile[]
  /** Archives that stay, newest first. */
  readonly keep: readonly ListedFile[]
  readonly skipped: PruneSkip | null
}

/**
 * Plans a prune of one folder: the `keepLast` newest archives (≥ 1) stay, and so does the file that this run put there
 * (`justUploadedId`, null for a preview), also where it is not among them. When it is missing from the listing, the listing
 * is not trusted. An older upload never pushes a newer one out, and the order is total. So two runs that prune one folder at
 * the same time, from listings of different moments, still leave the newest ones: each deletes only what has `keepLast` newer.
 * `laterIds` are copies of later backups. They stay as well, because an old backup that is uploaded again is the newest by its
 * upload date only.
 */
export function planPrune(
  listing: readonly ListedFile[],
  keepLast: number,
  justUploadedId: string | null,
  laterIds: ReadonlySet<string> = new Set(),
): PrunePlan {
  if (!Number.isSafeInteger(keepLast) || keepLast < 1)
    throw new RangeError(`keep_last must be at least 1, not ${keepLast}`)
  const archives = distinct(listing)
    .filter((file) => isArchiveName(file.name))
    .sort(newestFirst)
  if (justUploadedId !== null && !archives.some((file) => file.id === justUploadedId)) {
    return { delete: [], keep: archives, skipped: 'new_file_not_listed' }
  }
  const isKept = ({ id }: ListedFile, rank: number) =>
    rank < keepLast || id === justUploadedId || laterIds.has(id)
  const keep = archives.filter(isKept)
  const remove = archives.filter((file, rank) => !isKept(file, rank)).reverse()
  if (remove.length > 0 && keep.length === 0)
    return { delete: [], keep: archives, skipped: 'would_delete_all' }
  return { delete: remove, keep, skipped: null }
}

/** A page boundary may move while a folder is listed, so that one file comes twice. */
function distinct(listing: readonly ListedFile[]): ListedFile[] {
  return [...new Map(listing.map((file) => [file.id, file])).values()]
}

function newestFirst(a: ListedFile, b: ListedFile): number {
  const byDate = timeOf(b) - timeOf(a)
  if (byDate !== 0) return byDate
  // Names carry dates: of two files of one second the later name is the newer. The ID makes the order total: a plan
  // must not depend on the order in which a provider lists.
  return a.name === b.name ? descending(a.id, b.id) : descending(a.name, b.name)
}

/** A file whose date cannot be read counts as the newest: it stays. */
function timeOf(file: ListedFile): number {
  const time = Date.parse(file.uploaded_at)
  return Number.isNaN(time) ? Number.MAX_SAFE_INTEGER : time
}

function descending(a: string, b: string): number {
  return a < b ? 1 : a > b ? -1 : 0
}
