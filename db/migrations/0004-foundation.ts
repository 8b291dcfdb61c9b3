// A cancelled run has a word of its own, and the execution that has opened the sync of a run is known, so that a late try of
// its first step changes nothing. Runs that were cancelled before get the word as well.

import { type Kysely, sql } from 'kysely'

const cancelledRuns = [
  'alter table runs drop constraint runs_cloud_status_check',
  `alter table runs add constraint runs_cloud_status_check
    check (cloud_status in ('uploaded', 'failed', 'cancelled', 'pending', 'none'))`,
  `update runs set cloud_status = 'cancelled'
    where cloud_status = 'failed'
      and not exists (select 1 from destinations d where d.run_id = runs.id and d.status = 'failed')
      and (error ->> 'code' = 'cancelled'
        or error is null and exists (select 1 from destinations d where d.run_id = runs.id and d.status = 'cancelled'))`,
]

/** The Temporal run ID of the execution whose sync this is; null for syncs of earlier versions. */
const executions = ['alter table runs add column execution_id text']

/** The hash of the bytes that an upload has read, once it has read all of them: a copy is proven by it without reading again. */
const archiveHashes = [
  `alter table upload_sessions add column archive_hash jsonb check (jsonb_typeof(archive_hash) = 'object')`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...cancelledRuns, ...executions, ...archiveHashes]) {
    await sql.raw(statement).execute(db)
  }
}
