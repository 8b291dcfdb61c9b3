// The files that retention may count and delete at a destination.

import { Context } from '@temporalio/activity'
import { ownRemoteIds } from '../../db/uploads/uploaded-files.ts'
import type { ListedFile } from '../../workflows/retention/plan-prune.ts'
import type { RetentionScope } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import type { Provider } from '../providers/provider.ts'

/** The whole folder, or nothing: any page that fails rejects. With scope `own` only files of our ledger. */
export async function listFilesInScope(
  deps: ActivityDeps,
  provider: Provider,
  input: {
    readonly folder: string
    readonly account_id: string
    readonly retention_scope: RetentionScope
    readonly remote_id: string | null
  },
): Promise<ListedFile[]> {
  const signal = Context.current().cancellationSignal
  const folder = await provider.findFolder(input.folder, signal)
  if (folder === null) return []
  const listing: ListedFile[] = []
  for await (const page of provider.listFiles(folder, signal)) {
    const own =
      input.retention_scope === 'own'
        ? await ownRemoteIds(
            deps.db,
            input.account_id,
            page.map((file) => file.id),
          )
        : null
    for (const { id, name, size, uploaded_at, revision } of page) {
      // The run's own copy counts, also where it was there before this program came.
      if (own === null || own.has(id) || id === input.remote_id)
        listing.push({ id, name, size, uploaded_at, revision })
    }
  }
  return listing
}
