// What the API wants to know of a provider, run as standalone activities (https://docs.temporal.io/standalone-activity),
// so that the API process holds no provider code and opens no credentials.

import { Context } from '@temporalio/activity'
import { getBinding } from '../../db/instances/bindings.ts'
import type { Binding } from '../../db/schema.ts'
import { isArchiveName } from '../../workflows/archives/archive-name.ts'
import { DATABASE_PLACEHOLDER, resolveFolder } from '../../workflows/archives/remote-folder.ts'
import { type ListedFile, planPrune } from '../../workflows/retention/plan-prune.ts'
import type { FileHash, RetentionScope } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, StepError } from '../failures.ts'
import type { AccountCheck } from '../providers/provider.ts'
import { listOwnScope } from '../retention/remote-retention.ts'

export type RemoteListing = {
  readonly folder: string
  readonly files: readonly (Omit<ListedFile, 'revision'> & { hash: FileHash | null; is_archive: boolean })[]
  /** True when there are more than are shown. */
  readonly truncated: boolean
}

export type PrunePreview = {
  readonly keep_last: number
  readonly delete: readonly Omit<ListedFile, 'revision'>[]
  readonly keep: readonly Omit<ListedFile, 'revision'>[]
  readonly guard: null | 'would_delete_all'
  readonly truncated: boolean
}

/** A binding as it is, or one as it would be: a preview comes before it is saved. */
export type PreviewInput = { keep_last: number; database?: string | null } & (
  | { binding_id: string }
  | { account_id: string; instance_slug: string; remote_path: string; retention_scope: RetentionScope }
)

export type AccountQueryActivities = {
  checkAccount(input: { account_id: string }): Promise<AccountCheck>
  listRemoteFiles(input: { binding_id: string; database?: string | null }): Promise<RemoteListing>
  previewPrune(input: PreviewInput): Promise<PrunePreview>
}

/** Files of a list: a page shows no more anyway. */
const MOST_SHOWN = 2000
/** Bytes of the lists of one answer, as JSON: it must fit a payload of 2 MiB, whatever the names of the files. */
const MOST_BYTES = 1.5 * 1024 * 1024

export function createAccountQueryActivities(deps: ActivityDeps): AccountQueryActivities {
  return {
    checkAccount: async ({ account_id }) => {
      try {
        const { provider } = await deps.accounts.open(account_id)
        return await provider.check(Context.current().cancellationSignal)
      } catch (error) {
        if (!(error instanceof StepError)) throw error
        const { code, message } = causeOf(error)
        return { ok: false, detail: message, space: null, error: { code, message } }
      }
    },

    listRemoteFiles: async ({ binding_id, database }) => {
      const { binding, folder } = await place(deps, binding_id, database ?? null)
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
      const shown = thatFit(files, MOST_BYTES)
      return { folder: found?.path ?? folder, files: shown, truncated: shown.length < files.length }
    },

    previewPrune: async ({ keep_last, database, ...of }) => {
      const { binding, folder } =
        'binding_id' in of
          ? await place(deps, of.binding_id, database ?? null)
          : { binding: of, folder: folderOf(of, database ?? null) }
      const { provider } = await deps.accounts.open(binding.account_id)
      const { account_id, retention_scope } = binding
      const listing = await listOwnScope(deps, provider, {
        folder,
        account_id,
        retention_scope,
        remote_id: null,
      })
      const plan = planPrune(listing, keep_last, null)
      const shown = (files: readonly ListedFile[]) =>
        thatFit(
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

/** The first of a list, as many as are shown and as fit into so many bytes of JSON. */
function thatFit<File extends object>(files: readonly File[], mostBytes: number): readonly File[] {
  let bytes = 0
  const end = files.findIndex((file, index) => {
    bytes += Buffer.byteLength(JSON.stringify(file)) + 1
    return index >= MOST_SHOWN || bytes > mostBytes
  })
  return end === -1 ? files : files.slice(0, end)
}

async function place(
  deps: ActivityDeps,
  bindingId: string,
  database: string | null,
): Promise<{ binding: Binding; folder: string }> {
  const binding = await getBinding(deps.db, bindingId)
  if (binding === null) throw new StepError('invalid_input', `binding_id: there is no binding ${bindingId}`)
  return { binding, folder: folderOf(binding, database) }
}

function folderOf(binding: Pick<Binding, 'remote_path' | 'instance_slug'>, database: string | null): string {
  const folder = resolveFolder(binding.remote_path, binding.instance_slug, database)
  if (folder !== null) return folder
  throw new StepError(
    'database_missing',
    `database: the folder of this binding is ${binding.remote_path}; name the database that ${DATABASE_PLACEHOLDER} stands for.`,
  )
}
