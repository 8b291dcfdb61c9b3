// Which retention a binding asks for at this moment. An upload may last for days, in which the binding may
// be changed, disabled or deleted: what was recorded at the beginning of a run never decides what is deleted.

import type { DbOrTransaction } from '../../db/database.ts'
import { getBinding } from '../../db/instances/bindings.ts'
import { resolveFolder } from '../../workflows/archives/remote-folder.ts'
import type { RetentionScope } from '../../workflows/types.ts'

export type RetentionRule = {
  /** At least 1. */
  readonly keep_last: number
  readonly retention_scope: RetentionScope
}

/** Why a binding has nothing deleted. */
export type RetentionOff = 'binding_deleted' | 'binding_disabled' | 'keeps_all' | 'folder_changed'

type RetentionInForce =
  | { readonly off: null; readonly rule: RetentionRule }
  | { readonly off: RetentionOff; readonly rule: null }

/** `folder` and `database` are those of the run: a binding that means another folder by now has no say over this one. */
export async function retentionInForce(
  db: DbOrTransaction,
  of: { readonly binding_id: string; readonly folder: string; readonly database: string | null },
): Promise<RetentionInForce> {
  const binding = await getBinding(db, of.binding_id)
  if (binding === null) return off('binding_deleted')
  if (!binding.enabled) return off('binding_disabled')
  const { remote_path, instance_slug, keep_last, retention_scope } = binding
  if (resolveFolder(remote_path, instance_slug, of.database) !== of.folder) return off('folder_changed')
  if (keep_last === null) return off('keeps_all')
  return { off: null, rule: { keep_last, retention_scope } }
}

function off(reason: RetentionOff): RetentionInForce {
  return { off: reason, rule: null }
}
