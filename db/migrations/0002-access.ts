// Access (roles, sessions that go idle, API tokens, throttled logins), starts that Temporal has not confirmed, and the indexes
// and announcements that the API's lists and event streams need.

import { type Kysely, sql } from 'kysely'

const access = [
  `alter table users
    add column role text not null default 'admin' check (role in ('admin', 'operator', 'viewer')),
    add column must_change_password boolean not null default false,
    add column last_login_at timestamptz(3)`,
  `alter table user_sessions
    add column id text not null default gen_random_uuid()::text unique,
    add column last_seen_at timestamptz(3) not null default now()`,

  `create table api_tokens (
    id text primary key,
    name text not null constraint api_tokens_name_unique unique check (name <> ''),
    token_hash text not null unique check (token_hash ~ '^[0-9a-f]{64}$'),
    scopes jsonb not null check (jsonb_typeof(scopes) = 'array' and jsonb_array_length(scopes) > 0),
    created_by text not null,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3),
    last_used_at timestamptz(3)
  )`,

  `create table login_throttles (
    key text primary key check (key <> ''),
    failures integer not null check (failures >= 1),
    last_failed_at timestamptz(3) not null default now(),
    blocked_until timestamptz(3)
  )`,
]

const starts = [
  // Written with the run, cleared when Temporal has confirmed the start.
  `alter table runs
    add column start_requested_at timestamptz(3),
    add column start_account_ids jsonb check (jsonb_typeof(start_account_ids) = 'array')`,
  'create index runs_starts_owed on runs (start_requested_at) where start_requested_at is not null',
]

const lists = [
  'create index runs_newest_of_instance_status on runs (instance_slug, cloud_status, created_at desc, id desc)',
  // The order of the runs stands in their destinations, so that one index carries the history of an account.
  'alter table destinations add column run_created_at timestamptz(3)',
  'update destinations set run_created_at = runs.created_at from runs where runs.id = destinations.run_id',
  'alter table destinations alter column run_created_at set not null',
  `create function copy_run_created_at() returns trigger language plpgsql as $$
  begin
    new.run_created_at := (select created_at from runs where id = new.run_id);
    return new;
  end $$`,
  `create trigger destinations_copy_run_created_at before insert on destinations
    for each row execute function copy_run_created_at()`,
  'create index destinations_newest_of_account on destinations (account_id, run_created_at desc, run_id desc)',
  // What is watched of each binding: its newest run, and its newest copy.
  'create index destinations_newest_of_binding on destinations (binding_id, run_created_at desc)',
  `create index destinations_newest_copy_of_binding on destinations (binding_id, run_created_at desc)
    where status = 'uploaded'`,
]

const announcements = [
  `create function announce_setup() returns trigger language plpgsql as $$
  declare
    changed jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
  begin
    perform pg_notify('cloud_sync_setup', json_build_object(
      'kind', tg_argv[0], 'id', coalesce(changed ->> 'id', changed ->> 'slug'), 'change', lower(tg_op))::text);
    return null;
  end $$`,
  ...(['instance', 'account', 'binding'] as const).map((kind) => {
    const table = kind === 'account' ? 'cloud_accounts' : `${kind}s`
    return `create trigger ${table}_announced after insert or update or delete on ${table}
      for each row execute function announce_setup('${kind}')`
  }),
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...access, ...starts, ...lists, ...announcements]) {
    await sql.raw(statement).execute(db)
  }
}
