// The folder of an account, under which all others lie.

import { z } from 'zod'
import { ProviderError } from '../provider.ts'
import type { DriveApi } from './api.ts'
import { FOLDER_TYPE } from './files.ts'

const rootSchema = z.object({
  id: z.string(),
  name: z.string(),
  mimeType: z.string(),
  driveId: z.string().optional(),
  trashed: z.boolean().optional(),
  capabilities: z
    .object({
      canAddChildren: z.boolean().optional(),
      canListChildren: z.boolean().optional(),
      canTrashChildren: z.boolean().optional(),
      canDeleteChildren: z.boolean().optional(),
    })
    .default({}),
})
export type RootFolder = z.infer<typeof rootSchema>

/** The account's folder as it is now. Throws `folder_missing` or `account_misconfigured`. */
export async function readRoot(api: DriveApi, folderId: string, signal: AbortSignal): Promise<RootFolder> {
  const root = await api
    .call(
      (library, options) =>
        library.files.get(
          {
            fileId: folderId,
            fields:
              'id,name,mimeType,driveId,trashed,capabilities(canAddChildren,canListChildren,canTrashChildren,canDeleteChildren)',
            supportsAllDrives: true,
          },
          options,
        ),
      rootSchema,
      signal,
    )
    .catch((cause: unknown) => {
      if (!(cause instanceof ProviderError) || cause.httpStatus !== 404) throw cause
      const who = api.auth.email ?? 'the service account'
      const message = `Google Drive does not find the folder, or it is not shared with ${who}.`
      throw new ProviderError('folder_missing', message, { httpStatus: 404 })
    })
  if (root.mimeType !== FOLDER_TYPE) {
    throw new ProviderError(
      'account_misconfigured',
      'The setting "folder_id" names no folder (a file, a document or a shortcut).',
      { advice: 'Enter the ID of a folder.' },
    )
  }
  if (root.trashed === true)
    throw new ProviderError('folder_missing', `The folder "${root.name}" lies in the trash.`, {
      advice: 'Take the folder out of the trash, or choose another one.',
    })
  return root
}
