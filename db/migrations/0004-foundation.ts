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

/**
 * How far an upload has ever been and how long it has been tried in vain since: see UploadSessionsTable. Of the time before,
 * nothing counts.
 */
const patience = [
  `alter table upload_sessions
    add column furthest_bytes bigint not null default 0 check (furthest_bytes >= 0),
    add column fruitless_ms bigint not null default 0 check (fruitless_ms >= 0),
    add column unsettled_ms bigint not null default 0 check (unsettled_ms >= 0),
    add column fruitless_attempts integer not null default 0 check (fruitless_attempts >= 0),
    add column tried_at timestamptz(3)`,
  'update upload_sessions set furthest_bytes = stored_bytes',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...cancelledRuns, ...executions, ...archiveHashes, ...patience]) {
    await sql.raw(statement).execute(db)
  }
}
