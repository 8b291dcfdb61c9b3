// Cancelled runs have a status of their own, also those that were cancelled before. A run knows the execution that has opened its
// sync, so that a late try of its first step changes nothing.

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

/** What is asked often, and grows with the years: each is found by a look into an index. */
const lookups = [
  // What an account has sent within a day; attempts that still run have no end.
  'create index attempts_ended_of_account on attempts (account_id, finished_at)',
  // Few archives are kept at a time, of all runs that ever were.
  `create index runs_archives_kept on runs (id) where pin = 'linked' and cloud_status <> 'pending'`,
  'drop index runs_pins_due',
  // The newest copy of an instance, which may have none in all its runs.
  'alter table destinations add column instance_slug text',
  'update destinations set instance_slug = runs.instance_slug from runs where runs.id = destinations.run_id',
  'alter table destinations alter column instance_slug set not null',
  `create or replace function copy_run_created_at() returns trigger language plpgsql as $$
  begin
    select created_at, instance_slug into new.run_created_at, new.instance_slug from runs where id = new.run_id;
    return new;
  end $$`,
  `create index destinations_newest_copy_of_instance on destinations (instance_slug, run_created_at desc, run_id desc)
    where status = 'uploaded'`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...cancelledRuns, ...executions, ...archiveHashes, ...patience, ...lookups]) {
    await sql.raw(statement).execute(db)
  }
}
