// Archives that are still linked although their run is settled (design.md, rule 6). A workflow of its own lets each of
// them go; here is found what has no such workflow, or has lost it.

import { sql } from 'kysely'
import type { DbOrTransaction } from './database.ts'
import type { Run } from './schema.ts'

/** How long the archive of a failed run is kept for a re-upload. */
export const KEEP_ARCHIVE_MS = 7 * 86_400_000

const PAGE = 100

/**
 * All settled runs whose link may go at `at`, read page by page. Where nobody has noted how long it is kept, it is as
 * long after the end of the sync as after a failure. A run that is being synced is not among them.
 */
export async function* pinsDue(
  db: DbOrTransaction,
  { at, page = PAGE }: { readonly at: string; readonly page?: number },
): AsyncGenerator<Run, void> {
  let after = ''
  for (;;) {
    const runs = await db
      .selectFrom('runs')
      .selectAll()
      .where('pin', '=', 'linked')
      .where('cloud_status', '<>', 'pending')
      .where(
        sql<boolean>`coalesce(kept_until, sync_finished_at + make_interval(secs => ${KEEP_ARCHIVE_MS / 1000})) <= ${at}`,
      )
      .where('id', '>', after)
      .orderBy('id')
      .limit(page)
      .execute()
    yield* runs
    const last = runs.at(-1)
    if (last === undefined || runs.length < page) return
    after = last.id
  }
}
