// Copies that are no longer there: retention has deleted them since their run was finished. A run's status stays
// `uploaded`, because that is how it ended; pages show beside it what became of the copy.

import type { DbOrTransaction } from '../database.ts'
import type { UploadedFile } from '../schema.ts'

export type DeletedCopy = Pick<UploadedFile, 'run_id' | 'account_id' | 'remote_id'> & {
  readonly deleted_at: string
}

/** The deleted copies of these runs, in no order. */
export async function listDeletedCopies(
  db: DbOrTransaction,
  runIds: readonly string[],
): Promise<readonly DeletedCopy[]> {
  if (runIds.length === 0) return []
  return db
    .selectFrom('uploaded_files')
    .select(['run_id', 'account_id', 'remote_id', 'deleted_at'])
    .where('run_id', 'in', runIds)
    .where('deleted_at', 'is not', null)
    .$narrowType<{ deleted_at: string }>()
    .execute()
}
