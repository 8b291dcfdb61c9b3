// How Drive describes a file, and what we keep of it.

import { z } from 'zod'
import type { FileHash } from '../../../workflows/types.ts'
import type { RemoteFile } from '../provider.ts'

export const FOLDER_TYPE = 'application/vnd.google-apps.folder'
/** Documents, shortcuts and folders of Google's own kinds: nothing with bytes that could be an archive. */
const GOOGLE_TYPES = 'application/vnd.google-apps.'

/** What is asked for wherever a file is shown. */
export const FILE_FIELDS =
  'id,name,mimeType,size,md5Checksum,sha256Checksum,createdTime,headRevisionId,trashed'

const bytes = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)

export const fileSchema = z.object({
  id: z.string().min(1),
  name: z.string(),
  mimeType: z.string(),
  /** An int64 as text; missing for Google's own kinds. */
  size: bytes.optional(),
  md5Checksum: z.string().optional(),
  sha256Checksum: z.string().optional(),
  createdTime: z.iso.datetime({ offset: true }),
  headRevisionId: z.string().optional(),
  trashed: z.boolean().optional(),
})
export type DriveFile = z.infer<typeof fileSchema>

/** Null for folders, documents and shortcuts. */
export function remoteFileOf(file: DriveFile): RemoteFile | null {
  if (file.size === undefined || file.mimeType.startsWith(GOOGLE_TYPES)) return null
  const hashes: FileHash[] = []
  if (file.sha256Checksum) hashes.push({ algorithm: 'sha256', value: file.sha256Checksum.toLowerCase() })
  if (file.md5Checksum) hashes.push({ algorithm: 'md5', value: file.md5Checksum.toLowerCase() })
  return {
    id: file.id,
    name: file.name,
    size: file.size,
    hashes,
    uploaded_at: new Date(file.createdTime).toISOString(),
    revision: file.headRevisionId ?? null,
  }
}

/** Oldest first; the ID decides between equals, so that the order is always the same. */
export function byAge(
  a: { createdTime: string; id: string },
  b: { createdTime: string; id: string },
): number {
  const difference = Date.parse(a.createdTime) - Date.parse(b.createdTime)
  return difference === 0 ? (a.id < b.id ? -1 : 1) : difference
}
