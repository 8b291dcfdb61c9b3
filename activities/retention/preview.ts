// What a prune would delete, as a standalone activity: the API process holds no provider code and opens no credentials.

import { type ListedFile, type PreviewInput, planPrune } from '../../workflows/retention/plan-prune.ts'
import { boundFolder, folderOf } from '../accounts/bound-folder.ts'
import { firstThatFit, MOST_BYTES } from '../accounts/list-size.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { listFilesInScope } from './list-files.ts'

export type PrunePreview = {
  readonly keep_last: number
  readonly delete: readonly Omit<ListedFile, 'revision'>[]
  readonly keep: readonly Omit<ListedFile, 'revision'>[]
  readonly guard: null | 'would_delete_all'
  readonly truncated: boolean
}

type PreviewActivities = {
  /** Deletes nothing. */
  previewPrune(input: PreviewInput): Promise<PrunePreview>
}

export function createPreviewActivities(deps: ActivityDeps): PreviewActivities {
  return {
    previewPrune: async (input) => {
      const { keep_last, database = null } = input
      const { binding, folder } =
        'binding_id' in input
          ? await boundFolder(deps, input.binding_id, database)
          : { binding: input, folder: folderOf(input, database) }
      const { provider } = await deps.accounts.open(binding.account_id)
      const { account_id, retention_scope } = binding
      const listing = await listFilesInScope(deps, provider, {
        folder,
        account_id,
        retention_scope,
        remote_id: null,
      })
      const plan = planPrune(listing, keep_last, null)
      const shown = (files: readonly ListedFile[]) =>
        firstThatFit(
          files.map(({ id, name, size, uploaded_at }) => ({ id, name, size, uploaded_at })),
          MOST_BYTES / 2,
        )
      const lists = { delete: shown(plan.delete), keep: shown(plan.keep) }
      return {
        keep_last,
        ...lists,
        guard: plan.skipped === 'would_delete_all' ? plan.skipped : null,
        truncated: lists.delete.length < plan.delete.length || lists.keep.length < plan.keep.length,
      }
    },
  }
}
