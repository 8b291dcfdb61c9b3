// Removes one file by its ID: for good where the account may, else into the trash, and says which (docs/providers.md, 1.6).

import { z } from 'zod'
import { type DeleteOutcome, ProviderError } from '../provider.ts'
import type { DriveApi } from './api.ts'
import { FOLDER_TYPE } from './files.ts'

const stateSchema = z.object({
  mimeType: z.string(),
  trashed: z.boolean().optional(),
  headRevisionId: z.string().optional(),
  capabilities: z.object({ canDelete: z.boolean().optional(), canTrash: z.boolean().optional() }).default({}),
})

/**
 * Drive has no conditional deletion: the revision is compared just before. Throws `file_changed` when it differs, and
 * `permission_denied` when the account may neither delete nor trash.
 */
export async function deleteFile(
  api: DriveApi,
  file: { readonly id: string; readonly revision: string | null },
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  try {
    const state = await api.call(
      (library, options) =>
        library.files.get(
          {
            fileId: file.id,
            fields: 'mimeType,trashed,headRevisionId,capabilities(canDelete,canTrash)',
            supportsAllDrives: true,
          },
          options,
        ),
      stateSchema,
      signal,
    )
    if (state.trashed === true) return 'already_gone'
    if (state.mimeType === FOLDER_TYPE)
      throw new ProviderError('request_refused', 'A folder is never deleted.')
    if (
      file.revision !== null &&
      state.headRevisionId !== undefined &&
      state.headRevisionId !== file.revision
    ) {
      throw new ProviderError('file_changed', 'The file has new content since it was listed.')
    }
    if (state.capabilities.canDelete !== false && (await isDeleted(api, file.id, signal))) return 'deleted'
    if (state.capabilities.canTrash === false) throw notAllowed()
    await trash(api, file.id, signal)
    return 'trashed'
  } catch (cause) {
    if (cause instanceof ProviderError && cause.httpStatus === 404) return 'already_gone'
    throw cause
  }
}

/** False when the account may not delete for good. */
async function isDeleted(api: DriveApi, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    await api.call(
      (library, options) => library.files.delete({ fileId: id, supportsAllDrives: true }, options),
      z.unknown(),
      signal,
    )
    return true
  } catch (cause) {
    if (cause instanceof ProviderError && cause.code === 'permission_denied') return false
    throw cause
  }
}

async function trash(api: DriveApi, id: string, signal: AbortSignal): Promise<void> {
  await api.call(
    (library, options) =>
      library.files.update(
        { fileId: id, requestBody: { trashed: true }, fields: 'id,trashed', supportsAllDrives: true },
        options,
      ),
    z.object({ trashed: z.literal(true) }),
    signal,
  )
}

function notAllowed(): ProviderError {
  return new ProviderError('permission_denied', 'The account may neither delete nor trash files here.', {
    advice: 'Make the account a Content manager or Manager of the shared drive.',
  })
}
