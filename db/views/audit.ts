// The audit trail as people read it: newest first, filtered and searched, a page at a time.

import { sql } from 'kysely'
import { z } from 'zod'
import type { AuditEvent } from '../audit.ts'
import type { DbOrTransaction } from '../database.ts'
import { decodeCursor, encodeCursor, type Page, pageSize, toPage } from '../page.ts'
import type { AuditEntry } from '../schema.ts'

type AuditFilter = {
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
const ENTRIES_PER_SEARCH = 10_000

/**
 * Newest first. Throws DbConflict `invalid` (field `cursor`). A page of a search may be short, even empty, and still have
 * a cursor: the trail is read in pieces, so that a search costs the same however long it is.
 */
export async function listAudit(db: DbOrTransaction, filter: AuditFilter): Promise<Page<AuditEntry>> {
  const limit = pageSize(filter.limit)
  const [before = null] = filter.cursor === undefined ? [] : decodeCursor(filter.cursor, z.tuple([z.int()]))
  const cursorOf = (entry: AuditEntry) => encodeCursor([entry.id])
  const entries = entriesBefore(db, filter, before, limit + 1)
  if (filter.search === undefined) return toPage(await entries.execute(), limit, cursorOf)

  const floor = (before ?? (await newestId(db)) + 1) - ENTRIES_PER_SEARCH
  const found = entries.where('id', '>=', floor).where(contains(filter.search))
  const page = toPage(await found.execute(), limit, cursorOf)
  return page.next_cursor === null && floor > 1 ? { ...page, next_cursor: encodeCursor([floor]) } : page
}

/** The filter without its search. */
function entriesBefore(db: DbOrTransaction, filter: AuditFilter, before: number | null, limit: number) {
  const wanted = [
    ['instance_slug', filter.instance],
    ['run_id', filter.run_id],
    ['account_id', filter.account_id],
    ['binding_id', filter.binding_id],
    ['event', filter.event],
    ['actor', filter.actor],
  ] as const
  let query = db.selectFrom('audit_log').selectAll().orderBy('id', 'desc').limit(limit)
  for (const [column, value] of wanted) {
    if (value !== undefined) query = query.where(column, '=', value)
  }
  return before === null ? query : query.where('id', '<', before)
}

function contains(search: string) {
  const pattern = `%${search.replaceAll(/[\\%_]/g, '\\$&')}%`
  return sql<boolean>`(
    concat_ws(' ', actor, replace(event, '_', ' '), event, instance_slug, run_id, details::text) ilike ${pattern}
    or account_id in (select id from cloud_accounts where name ilike ${pattern})
    or instance_slug in (select slug from instances where name ilike ${pattern}))`
}

async function newestId(db: DbOrTransaction): Promise<number> {
  const { rows } = await sql<{ id: number | null }>`select max(id) as id from audit_log`.execute(db)
  return rows[0]?.id ?? 0
}
