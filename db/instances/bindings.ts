// Which instance is uploaded to which account. Two bindings of one account may never mean the same folder,
// because the retention of one would count the other's files; that is decided under a lock on the account,
// so that two bindings made at once cannot both pass.

import { sql } from 'kysely'
import type { RetentionScope } from '../../workflows/types.ts'
import { DbConflict, withConflicts } from '../conflict.ts'
import { type DbOrTransaction, inTransaction, newId } from '../database.ts'
import type { Binding } from '../schema.ts'
import { DEFAULT_REMOTE_PATH, folderPattern, mayCoincide } from './folder-pattern.ts'

export type NewBinding = {
  readonly instance_slug: string
  readonly account_id: string
  /** Default: '/odoo-backups/{instance_slug}/'. */
  readonly remote_path?: string | undefined
  readonly enabled?: boolean | undefined
  /** At least 1; null keeps all. */
  readonly keep_last?: number | null | undefined
  readonly retention_scope?: RetentionScope | undefined
}

export type BindingPatch = Omit<NewBinding, 'instance_slug' | 'account_id'>

const conflicts = {
  bindings_instance_account_unique: () =>
    new DbConflict('duplicate', 'account_id', 'The instance is bound to this account already.'),
  bindings_instance_slug_fkey: () => new DbConflict('not_found', 'instance', 'There is no such instance.'),
  bindings_account_folder_unique: () =>
    new DbConflict('folder_overlap', 'remote_path', 'Another binding of this account has this folder.'),
}

/** Throws DbConflict `duplicate`, `folder_overlap` or `not_found` (field `instance` or `account_id`). */
export async function createBinding(db: DbOrTransaction, values: NewBinding): Promise<Binding> {
  const remotePath = values.remote_path ?? DEFAULT_REMOTE_PATH
  const row = {
    id: newId(),
    instance_slug: values.instance_slug,
    account_id: values.account_id,
    remote_path: remotePath,
    resolved_folder: folderPattern(remotePath, values.instance_slug),
    enabled: values.enabled ?? true,
    keep_last: values.keep_last ?? null,
    retention_scope: values.retention_scope ?? 'folder',
  } as const
  return withConflicts(conflicts, () =>
    inTransaction(db, async (trx) => {
      await lockAccount(trx, row.account_id)
      await refuseDuplicate(trx, row)
      await refuseOverlap(trx, row)
      return trx.insertInto('bindings').values(row).returningAll().executeTakeFirstOrThrow()
    }),
  )
}

/** All bindings of an instance, oldest first. */
export async function listBindings(
  db: DbOrTransaction,
  instanceSlug: string,
  options: { readonly enabledOnly?: boolean } = {},
): Promise<readonly Binding[]> {
  let query = db.selectFrom('bindings').selectAll().where('instance_slug', '=', instanceSlug)
  if (options.enabledOnly === true) {
    query = query.where('enabled', '=', true)
  }
  return query.orderBy('created_at').orderBy('id').execute()
}

/**
 * In a transaction, nobody else can change the binding until its end: whoever reads it there is about to change it and notes
 * its earlier state in the audit.
 */
export async function getBinding(db: DbOrTransaction, id: string): Promise<Binding | null> {
  const query = db.selectFrom('bindings').selectAll().where('id', '=', id)
  const row = await (db.isTransaction ? query.forNoKeyUpdate() : query).executeTakeFirst()
  return row ?? null
}

/** Null when there is no such binding; throws DbConflict `folder_overlap`. */
export async function updateBinding(
  db: DbOrTransaction,
  id: string,
  patch: BindingPatch,
): Promise<Binding | null> {
  return withConflicts(conflicts, () =>
    inTransaction(db, async (trx) => {
      // The binding is locked before the account, as in transactions that read it first: one order, no deadlock.
      const found = await getBinding(trx, id)
      if (found === null) {
        return null
      }
      await lockAccount(trx, found.account_id)
      const remotePath = patch.remote_path ?? found.remote_path
      const resolvedFolder = folderPattern(remotePath, found.instance_slug)
      await refuseOverlap(trx, { ...found, resolved_folder: resolvedFolder })
      const row = await trx
        .updateTable('bindings')
        .set({
          remote_path: remotePath,
          resolved_folder: resolvedFolder,
          ...(patch.enabled === undefined ? {} : { enabled: patch.enabled }),
          ...(patch.keep_last === undefined ? {} : { keep_last: patch.keep_last }),
          ...(patch.retention_scope === undefined ? {} : { retention_scope: patch.retention_scope }),
          updated_at: sql<string>`now()`,
        })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst()
      return row ?? null
    }),
  )
}

/** False when there is no such binding. */
export async function deleteBinding(db: DbOrTransaction, id: string): Promise<boolean> {
  const result = await db.deleteFrom('bindings').where('id', '=', id).executeTakeFirst()
  return result.numDeletedRows > 0n
}

async function lockAccount(trx: DbOrTransaction, accountId: string): Promise<void> {
  const row = await trx
    .selectFrom('cloud_accounts')
    .select('id')
    .where('id', '=', accountId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (row === undefined) {
    throw new DbConflict('not_found', 'account_id', 'There is no such account.')
  }
}

/** Checked before the folders, because a second binding of the same pair nearly always has the same folder as well. */
async function refuseDuplicate(
  trx: DbOrTransaction,
  binding: Pick<Binding, 'instance_slug' | 'account_id'>,
): Promise<void> {
  const row = await trx
    .selectFrom('bindings')
    .select('id')
    .where('instance_slug', '=', binding.instance_slug)
    .where('account_id', '=', binding.account_id)
    .executeTakeFirst()
  if (row !== undefined) {
    throw conflicts.bindings_instance_account_unique()
  }
}

async function refuseOverlap(
  trx: DbOrTransaction,
  binding: Pick<Binding, 'id' | 'account_id' | 'resolved_folder'>,
): Promise<void> {
  const others = await trx
    .selectFrom('bindings')
    .select(['instance_slug', 'resolved_folder'])
    .where('account_id', '=', binding.account_id)
    .where('id', '<>', binding.id)
    .execute()
  const clash = others.find((other) => mayCoincide(other.resolved_folder, binding.resolved_folder))
  if (clash !== undefined) {
    throw new DbConflict(
      'folder_overlap',
      'remote_path',
      `The binding of instance "${clash.instance_slug}" may use the same folder of this account.`,
    )
  }
}
