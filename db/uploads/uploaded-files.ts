// The ledger of files that this program has uploaded: retention scope `own` counts nothing else.

import { sql } from 'kysely'
import type { FileHash } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'

type NewUploadedFile = {
  readonly account_id: string
  readonly remote_id: string
  readonly run_id: string
  readonly remote_path: string
  readonly size: number
  readonly hash: FileHash
  readonly uploaded_at: string
}

/** Idempotent. Where a provider gives a deleted file's ID to a new file, the entry stands for the new one. */
export async function recordUploadedFile(db: DbOrTransaction, file: NewUploadedFile): Promise<void> {
  const row = { ...file, hash: JSON.stringify(file.hash), deleted_at: null }
  await db
    .insertInto('uploaded_files')
    .values(row)
    .onConflict((conflict) => conflict.columns(['account_id', 'remote_id']).doUpdateSet(row))
    .execute()
}

/** False when the file is not one of ours, or was noted as deleted before. */
export async function markFileDeleted(
  db: DbOrTransaction,
  file: { readonly account_id: string; readonly remote_id: string; readonly deleted_at: string },
): Promise<boolean> {
  const result = await db
    .updateTable('uploaded_files')
    .set({ deleted_at: file.deleted_at })
    .where('account_id', '=', file.account_id)
    .where('remote_id', '=', file.remote_id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** Which of these remote IDs this program uploaded to the account and has not deleted. */
export async function ownRemoteIds(
  db: DbOrTransaction,
  accountId: string,
  remoteIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (remoteIds.length === 0) {
    return new Set()
  }
  const rows = await db
    .selectFrom('uploaded_files')
    .select('remote_id')
    .where('account_id', '=', accountId)
    .where('remote_id', 'in', remoteIds)
    .where('deleted_at', 'is', null)
    .execute()
  return new Set(rows.map((row) => row.remote_id))
}

/** Which of these files at the account are copies of backups that were reported after this run. */
export async function remoteIdsOfLaterRuns(
  db: DbOrTransaction,
  of: { readonly account_id: string; readonly run_id: string },
  remoteIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('uploaded_files')
    .innerJoin('runs', 'runs.id', 'uploaded_files.run_id')
    .select('uploaded_files.remote_id')
    .where('uploaded_files.account_id', '=', of.account_id)
    // An array is one parameter: a folder may hold more files than a statement may have parameters.
    .where('uploaded_files.remote_id', '=', sql<string>`any(${remoteIds}::text[])`)
    .where('runs.created_at', '>', (own) =>
      own.selectFrom('runs').select('created_at').where('id', '=', of.run_id),
    )
    .execute()
  return new Set(rows.map((row) => row.remote_id))
}
