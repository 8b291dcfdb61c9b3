// The folder at the destination that a binding means.

import { getBinding } from '../../db/instances/bindings.ts'
import type { Binding } from '../../db/schema.ts'
import { DATABASE_PLACEHOLDER, resolveFolder } from '../../workflows/archives/remote-folder.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { StepError } from '../failures.ts'

/** Throws StepError `invalid_input` or `database_missing`. */
export async function boundFolder(
  deps: ActivityDeps,
  bindingId: string,
  database: string | null,
): Promise<{ binding: Binding; folder: string }> {
  const binding = await getBinding(deps.db, bindingId)
  if (binding === null) throw new StepError('invalid_input', `binding_id: there is no binding ${bindingId}.`)
  return { binding, folder: folderOf(binding, database) }
}

/** Throws StepError `database_missing`. */
export function folderOf(
  binding: Pick<Binding, 'remote_path' | 'instance_slug'>,
  database: string | null,
): string {
  const folder = resolveFolder(binding.remote_path, binding.instance_slug, database)
  if (folder !== null) return folder
  throw new StepError('database_missing', `database: the folder of this binding is ${binding.remote_path}.`, {
    advice: `Name the database that ${DATABASE_PLACEHOLDER} stands for.`,
  })
}
