// What lies at the destination of a binding, as a standalone activity: the API process holds no provider code and opens no
// credentials.

import { Context } from '@temporalio/activity'
import { isArchiveName } from '../../workflows/archives/archive-name.ts'
import type { ListedFile } from '../../workflows/retention/plan-prune.ts'
import type { FileHash } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { boundFolder } from './bound-folder.ts'
import { firstThatFit, MOST_BYTES } from './list-size.ts'

type RemoteListing = {
  readonly folder: string
  readonly files: readonly (Omit<ListedFile, 'revision'> & { hash: FileHash | null; is_archive: boolean })[]
  /** True when there are more than are shown. */
  readonly truncated: boolean
}

type ListRemoteFilesActivities = {
  listRemoteFiles(input: { binding_id: string; database?: string | null }): Promise<RemoteListing>
}

export function createListRemoteFilesActivities(deps: ActivityDeps): ListRemoteFilesActivities {
  return {
    listRemoteFiles: async ({ binding_id, database }) => {
      const { binding, folder } = await boundFolder(deps, binding_id, database ?? null)
      const signal = Context.current().cancellationSignal
      const { provider } = await deps.accounts.open(binding.account_id)
      const found = await provider.findFolder(folder, signal)
      const files: RemoteListing['files'][number][] = []
      if (found !== null) {
        for await (const page of provider.listFiles(found, signal)) {
          Context.current().heartbeat()
          for (const { id, name, size, uploaded_at, hashes } of page) {
            files.push({
              id,
              name,
              size,
              uploaded_at,
              hash: hashes[0] ?? null,
              is_archive: isArchiveName(name),
            })
          }
        }
      }
      files.sort((a, b) => Date.parse(b.uploaded_at) - Date.parse(a.uploaded_at))
      const shown = firstThatFit(files, MOST_BYTES)
      return { folder: found?.path ?? folder, files: shown, truncated: shown.length < files.length }
    },
  }
}
