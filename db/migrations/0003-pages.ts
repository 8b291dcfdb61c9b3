// What the pages need: the search of runs, the last check of each account, and credentials that are tried before they are
// saved. The trigram index makes a search of 100,000 runs a matter of milliseconds; where the extension cannot be had,
// the search works all the same, only slower.

import { type Kysely, sql } from 'kysely'

const statements = [
  `do $$
  begin
    create extension if not exists pg_trgm;
    create index runs_search on runs
      using gin ((instance_slug || ' ' || archive || ' ' || coalesce(database, '') || ' ' || id) gin_trgm_ops);
  exception
    when feature_not_supported or insufficient_privilege or undefined_file or undefined_object then
      raise notice 'pg_trgm is not available: searches read every run';
  end $$`,

  `create table account_checks (
    account_id text primary key references cloud_accounts on update restrict on delete cascade,
    checked_at timestamptz(3) not null default now(),
    outcome jsonb not null check (jsonb_typeof(outcome) = 'object')
  )`,

  `create table account_drafts (
    id text primary key,
    name text not null,
    provider text not null check (provider in ('google_drive', 'dropbox', 'onedrive')),
    sealed_credentials text not null check (sealed_credentials like 'gAAAA%'),
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    expires_at timestamptz(3) not null
  )`,
  'create index account_drafts_expired on account_drafts (expires_at)',

  'create index audit_log_of_actor on audit_log (actor, id)',
  'create index audit_log_of_binding on audit_log (binding_id, id) where binding_id is not null',

  // What an instance has at its destinations, and what the overview counts.
  'create index uploaded_files_of_run on uploaded_files (run_id)',
  `create index destinations_failed on destinations (finished_at) where status = 'failed'`,
  `create index destinations_uploaded on destinations (finished_at) include (account_id, size) where status = 'uploaded'`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) {
    await sql.raw(statement).execute(db)
  }
}
