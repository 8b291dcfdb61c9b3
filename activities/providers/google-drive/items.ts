// Items by their IDs, which are always up to date, and IDs for new ones.

import { z } from 'zod'
import { ProviderError } from '../provider.ts'
import type { DriveApi } from './api.ts'
import { type DriveFile, FILE_FIELDS, fileSchema } from './files.ts'

const idsSchema = z.object({ ids: z.array(z.string().min(1)).min(1) })

/** An ID that one creation alone can use: a repeated creation is answered 409, and makes no second item. */
export async function generateId(api: DriveApi, signal: AbortSignal): Promise<string | null> {
  const answer = api.call(
    (library, options) => library.files.generateIds({ count: 1, space: 'drive', type: 'files' }, options),
    idsSchema,
    signal,
  )
  try {
    const [id] = (await answer).ids
    if (id === undefined) throw new ProviderError('unexpected_answer', 'Google Drive gave no file ID.')
    return id
  } catch (cause) {
    // A gateway without this call: Drive chooses the ID then, and the file is known by its marks.
    if (cause instanceof ProviderError && isUnknownCall(cause.httpStatus)) return null
    throw cause
  }
}

function isUnknownCall(status: number | undefined): boolean {
  return status === 404 || status === 405 || status === 501
}

/** An item by its ID, which is always up to date; null when there is none. */
export async function readItem(api: DriveApi, id: string, signal: AbortSignal): Promise<DriveFile | null> {
  try {
    return await api.call(
      (library, options) =>
        library.files.get({ fileId: id, fields: FILE_FIELDS, supportsAllDrives: true }, options),
      fileSchema,
      signal,
    )
  } catch (cause) {
    if (cause instanceof ProviderError && cause.httpStatus === 404) return null
    throw cause
  }
}
