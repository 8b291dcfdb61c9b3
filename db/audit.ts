// The audit trail: who did what, and what the program did by itself. It only grows; the database refuses
// updates and deletes. Details never hold a secret: they are shown to whoever may read the trail.

import { sql } from 'kysely'
import { z } from 'zod'
import type { DbOrTransaction } from './database.ts'
import { decodeCursor, encodeCursor, type Page, pageSize, toPage } from './page.ts'
import type { AuditEntry } from './schema.ts'

export const AUDIT_EVENTS = [
  // a run and its archive
  'run_recorded',
  'archive_pinned',
  'archive_not_linkable',
  'archive_released',
  'sync_started',
  'sync_finished',
  'reupload_requested',
  'cancel_requested',
  'retry_requested',
  // one destination
  'upload_resumed',
  'upload_verified',
  'upload_failed',
  'upload_cancelled',
  'already_present',
  'name_conflict_renamed',
  'session_restarted',
  'hash_mismatch',
  'bad_copy_removed',
  'copy_vanished',
  // retention
  'prune_planned',
  'prune_skipped',
  'file_deleted',
  'prune_failed',
  // what people set up
  'instance_created',
  'instance_updated',
  'instance_deleted',
  'account_created',
  'account_updated',
  'account_deleted',
  'account_checked',
  'account_paused',
  'binding_created',
  'binding_updated',
  'binding_deleted',
  // access and keys
  'user_created',
  'user_updated',
  'user_deleted',
  'password_changed',
  'login_succeeded',
  'login_failed',
  'login_blocked',
  'logged_out',
  'token_created',
  'token_deleted',
  'key_created',
  'keys_rotated',
] as const
export type AuditEvent = (typeof AUDIT_EVENTS)[number]

export type NewAuditEntry = {
  /** 'user:admin', 'token', 'workflow' and the like. */
  readonly actor: string
  readonly event: AuditEvent
  readonly instance_slug?: string | null | undefined
  readonly run_id?: string | null | undefined
  readonly account_id?: string | null | undefined
  readonly binding_id?: string | null | undefined
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

export async function appendAudit(db: DbOrTransaction, entry: NewAuditEntry): Promise<AuditEntry> {
  return db
    .insertInto('audit_log')
    .values({
      actor: entry.actor,
      event: entry.event,
      instance_slug: entry.instance_slug ?? null,
      run_id: entry.run_id ?? null,
      account_id: entry.account_id ?? null,
      binding_id: entry.binding_id ?? null,
      details: JSON.stringify(entry.details ?? {}),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

export type AuditFilter = {
  readonly instance?: string | undefined
  readonly run_id?: string | undefined
  readonly account_id?: string | undefined
  readonly binding_id?: string | undefined
  readonly event?: AuditEvent | undefined
  readonly actor?: string | undefined
  /** Text that occurs in an entry or in the name of its account or instance, in upper or lower case. */
  readonly search?: string | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

/** A search reads this many entries for one page; the cursor of a short page goes on from there. */
const SEARCHED_AT_ONCE = 10_000

/**
 * Newest first. Throws DbConflict `invalid` (field `cursor`). A page of a search may be short, even empty, and still have
 * a cursor: the trail is read in pieces, so that a search costs the same however long it is.
 */
export async function listAudit(db: DbOrTransaction, filter: AuditFilter): Promise<Page<AuditEntry>> {
  const limit = pageSize(filter.limit)
  const wanted = [
    ['instance_slug', filter.instance],
    ['run_id', filter.run_id],
    ['account_id', filter.account_id],
    ['binding_id', filter.binding_id],
    ['event', filter.event],
    ['actor', filter.actor],
  ] as const
  let query = db
    .selectFrom('audit_log')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(limit + 1)
  for (const [column, value] of wanted) {
    if (value !== undefined) {
      query = query.where(column, '=', value)
    }
  }
  const [before = null] = filter.cursor === undefined ? [] : decodeCursor(filter.cursor, z.tuple([z.int()]))
  if (before !== null) query = query.where('id', '<', before)
  const cursorOf = (entry: AuditEntry) => encodeCursor([entry.id])
  if (filter.search === undefined) return toPage(await query.execute(), limit, cursorOf)

  const floor = (before ?? (await newestId(db)) + 1) - SEARCHED_AT_ONCE
  const pattern = `%${filter.search.replaceAll(/[\\%_]/g, '\\$&')}%`
  const found = query.where('id', '>=', floor).where(
    sql<boolean>`(concat_ws(' ', actor, replace(event, '_', ' '), event, instance_slug, run_id, details::text) ilike ${pattern}
        or account_id in (select id from cloud_accounts where name ilike ${pattern})
        or instance_slug in (select slug from instances where name ilike ${pattern}))`,
  )
  const page = toPage(await found.execute(), limit, cursorOf)
  return page.next_cursor === null && floor > 1 ? { ...page, next_cursor: encodeCursor([floor]) } : page
}

async function newestId(db: DbOrTransaction): Promise<number> {
  const row = await db.selectFrom('audit_log').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst()
  return row?.id ?? 0
}
