// The first state of the database. Plain SQL, because the constraints are the point: a wrong state must be
// impossible to store, whoever writes it. Times have milliseconds, so that a cursor made of a time that has
// been through JSON still compares equal. A published migration is never edited: write a further one.

import { type Kysely, sql } from 'kysely'

const tables = [
  `create table instances (
    slug text primary key check (slug ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    name text not null check (name <> ''),
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,

  `create table cloud_accounts (
    id text primary key,
    name text not null constraint cloud_accounts_name_unique unique check (name <> ''),
    provider text not null check (provider in ('google_drive', 'dropbox', 'onedrive')),
    sealed_credentials text not null check (sealed_credentials like 'gAAAA%'),
    key_fingerprint text not null,
    credentials_hint text,
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    paused_until timestamptz(3),
    paused_reason text,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,

  `create table bindings (
    id text primary key,
    instance_slug text not null references instances on update restrict on delete restrict,
    account_id text not null references cloud_accounts on update restrict on delete restrict,
    remote_path text not null check (remote_path <> ''),
    resolved_folder text not null check (resolved_folder not like '%/'),
    enabled boolean not null default true,
    keep_last integer check (keep_last >= 1),
    retention_scope text not null default 'folder' check (retention_scope in ('folder', 'own')),
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    constraint bindings_instance_account_unique unique (instance_slug, account_id),
    constraint bindings_account_folder_unique unique (account_id, resolved_folder)
  )`,

  `create table runs (
    id text primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$'),
    instance_slug text not null references instances on update restrict on delete restrict,
    archive text not null check (archive <> ''),
    database text,
    finished_at timestamptz(3),
    archive_task_queue text,
    account_ids jsonb check (jsonb_typeof(account_ids) = 'array'),
    workflow_id text not null,
    size bigint check (size >= 0),
    archive_path text,
    archive_mtime_ns text check (archive_mtime_ns ~ '^-?[0-9]+$'),
    pin text check (pin in ('linked', 'original')),
    pin_path text,
    kept_until timestamptz(3),
    cloud_status text not null default 'pending' check (cloud_status in ('uploaded', 'failed', 'pending', 'none')),
    cloud_sync_status jsonb not null default '{}' check (jsonb_typeof(cloud_sync_status) = 'object'),
    error jsonb check (jsonb_typeof(error) = 'object'),
    sync_started_at timestamptz(3),
    sync_finished_at timestamptz(3),
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    constraint runs_linked_pin_has_path check (pin is distinct from 'linked' or pin_path is not null),
    constraint runs_settled_is_finished check (cloud_status = 'pending' or sync_finished_at is not null)
  )`,
  'create index runs_newest on runs (created_at desc, id desc)',
  'create index runs_newest_of_instance on runs (instance_slug, created_at desc, id desc)',
  'create index runs_newest_of_status on runs (cloud_status, created_at desc, id desc)',
  'create index runs_pins_due on runs (kept_until) where kept_until is not null',

  `create table destinations (
    run_id text not null references runs on update restrict on delete restrict,
    account_id text not null,
    account text not null,
    provider text not null check (provider in ('google_drive', 'dropbox', 'onedrive')),
    binding_id text not null,
    status text not null
      check (status in ('pending', 'uploading', 'retrying', 'uploaded', 'failed', 'cancelled')),
    error jsonb check (jsonb_typeof(error) = 'object'),
    remote_path text,
    remote_id text,
    size bigint check (size >= 0),
    bytes_sent bigint not null check (bytes_sent >= 0),
    hash jsonb check (jsonb_typeof(hash) = 'object'),
    attempt integer not null check (attempt >= 0),
    started_at timestamptz(3),
    finished_at timestamptz(3),
    retention jsonb check (jsonb_typeof(retention) = 'object'),
    updated_at timestamptz(3) not null default now(),
    primary key (run_id, account_id),
    constraint destinations_uploaded_is_proven check (
      status <> 'uploaded'
      or (remote_id is not null and remote_path is not null and size is not null
        and finished_at is not null and error is null
        -- Microsoft alone may state no hash: size is the proof then, and the audit says so
        and (hash is not null or provider = 'onedrive'))
    ),
    constraint destinations_failed_says_why check (status <> 'failed' or error is not null)
  )`,
  `create index destinations_waiting on destinations (account_id) where status = 'pending'`,

  `create table attempts (
    id bigserial primary key,
    run_id text not null references runs on update restrict on delete restrict,
    account_id text not null,
    attempt integer not null check (attempt >= 1),
    started_at timestamptz(3) not null default now(),
    finished_at timestamptz(3),
    outcome text check (outcome in ('uploaded', 'failed', 'retrying', 'cancelled')),
    bytes_sent bigint not null default 0 check (bytes_sent >= 0),
    from_offset bigint not null default 0 check (from_offset >= 0),
    error jsonb check (jsonb_typeof(error) = 'object'),
    constraint attempts_end_is_whole check ((outcome is null) = (finished_at is null))
  )`,
  'create index attempts_of_run on attempts (run_id, id)',

  `create table upload_sessions (
    run_id text not null references runs on update restrict on delete restrict,
    account_id text not null,
    claim bigint not null check (claim >= 1),
    sealed_session text check (sealed_session like 'gAAAA%'),
    remote_folder text not null,
    remote_name text not null check (remote_name <> ''),
    archive_size bigint not null check (archive_size >= 1),
    archive_mtime_ns text not null check (archive_mtime_ns ~ '^-?[0-9]+$'),
    stored_bytes bigint not null default 0 check (stored_bytes >= 0 and stored_bytes <= archive_size),
    sent_bytes bigint not null default 0 check (sent_bytes >= 0),
    restarts integer not null default 0 check (restarts >= 0),
    session_created_at timestamptz(3),
    last_progress_at timestamptz(3) not null default now(),
    created_at timestamptz(3) not null default now(),
    primary key (run_id, account_id)
  )`,

  `create table uploaded_files (
    account_id text not null,
    remote_id text not null,
    run_id text not null,
    remote_path text not null,
    size bigint not null check (size >= 0),
    hash jsonb not null check (jsonb_typeof(hash) = 'object'),
    uploaded_at timestamptz(3) not null,
    deleted_at timestamptz(3),
    primary key (account_id, remote_id)
  )`,

  `create table upload_slots (
    account_id text not null references cloud_accounts on update restrict on delete cascade,
    run_id text not null,
    expires_at timestamptz(3) not null,
    primary key (account_id, run_id)
  )`,

  `create table audit_log (
    id bigserial primary key,
    at timestamptz(3) not null default now(),
    actor text not null check (actor <> ''),
    event text not null check (event <> ''),
    instance_slug text,
    run_id text,
    account_id text,
    binding_id text,
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object')
  )`,
  'create index audit_log_of_run on audit_log (run_id, id) where run_id is not null',
  'create index audit_log_of_instance on audit_log (instance_slug, id) where instance_slug is not null',
  'create index audit_log_of_account on audit_log (account_id, id) where account_id is not null',
  'create index audit_log_of_event on audit_log (event, id)',

  `create table users (
    id text primary key,
    username text not null constraint users_username_unique unique check (username <> ''),
    password_hash text not null,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,
  `create table user_sessions (
    token_hash text primary key check (token_hash ~ '^[0-9a-f]{64}$'),
    user_id text not null references users on delete cascade,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null
  )`,
]

const triggers = [
  `create function refuse_audit_change() returns trigger language plpgsql as $$
  begin
    raise exception 'audit_log only grows: % is refused', tg_op using errcode = 'insufficient_privilege';
  end $$`,
  // for each statement, so that a change of no rows is refused as well
  `create trigger audit_log_only_grows before update or delete or truncate on audit_log
    for each statement execute function refuse_audit_change()`,
  // holds even in sessions that switch ordinary triggers off (session_replication_role)
  'alter table audit_log enable always trigger audit_log_only_grows',

  `create function announce_run() returns trigger language plpgsql as $$
  begin
    perform pg_notify('cloud_sync_runs', new.id);
    return null;
  end $$`,
  `create trigger runs_announced after insert or update on runs
    for each row execute function announce_run()`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...tables, ...triggers]) {
    await sql.raw(statement).execute(db)
  }
}
