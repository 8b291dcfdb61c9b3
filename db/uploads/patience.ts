// For how long an upload has been tried without a new byte at the provider: what `no_progress` is judged by
// (activities/uploads/retry-or-fail.ts). Only more bytes than ever before are progress, only the time of trying counts, and
// the clock is the database's.

import { sql } from 'kysely'
import type { DbOrTransaction } from '../database.ts'

const NEW_PATIENCE = {
  last_progress_at: sql<string>`now()`,
  fruitless_ms: 0,
  unsettled_ms: 0,
  fruitless_attempts: 0,
  tried_at: null,
} as const

/** A re-upload has all of its patience: what was tried before does not count. Does nothing without a session. */
export async function renewPatience(db: DbOrTransaction, runId: string, accountId: string): Promise<void> {
  await db
    .updateTable('upload_sessions')
    .set(NEW_PATIENCE)
    .where('run_id', '=', runId)
    .where('account_id', '=', accountId)
    .execute()
}

/**
 * Attempts follow each other within five minutes, and a short Retry-After belongs to them. In a longer break nothing was
 * tried: no power, no worker, no turn at the account, or a pause that the provider or we have set.
 */
const LONGEST_BREAK_MS = 15 * 60_000
const breakMs = sql<number>`extract(epoch from clock_timestamp() - upload_sessions.tried_at) * 1000`

/** Of the time since an upload was last tried, in an update of its session: what counts as trying. */
export const COUNTED_BREAK_MS = sql<number>`case
  when ${breakMs} between 0 and ${sql.lit(LONGEST_BREAK_MS)} then round(${breakMs})::bigint else 0 end`

/** What an attempt's progress does to the patience, in an update of its session. */
export function patienceAfter({
  stored_bytes,
  tried_ms,
  is_unsettled,
}: {
  readonly stored_bytes: number | null
  readonly tried_ms: number
  readonly is_unsettled: boolean
}) {
  const stored = sql<number | null>`${stored_bytes}::bigint`
  const tried = sql<number>`${tried_ms}::bigint`
  const isFurther = sql<boolean>`coalesce(${stored} > furthest_bytes, false)`
  // Only the provider's answer tells what became of the bytes of earlier attempts.
  const isSettled = sql<boolean>`${stored_bytes !== null && !is_unsettled}::boolean`
  return {
    furthest_bytes: sql<number>`greatest(furthest_bytes, ${stored})`,
    fruitless_ms: sql<number>`case
      when ${isFurther} then 0
      when ${isSettled} then fruitless_ms + unsettled_ms + ${tried}
      when ${is_unsettled}::boolean then fruitless_ms
      else fruitless_ms + ${tried} end`,
    unsettled_ms: sql<number>`case
      when ${isFurther} or ${isSettled} then 0
      when ${is_unsettled}::boolean then unsettled_ms + ${tried}
      else unsettled_ms end`,
    fruitless_attempts: sql<number>`case when ${isFurther} then 0 else fruitless_attempts end`,
    tried_at: sql<string>`clock_timestamp()`,
    last_progress_at: sql<string>`case when ${isFurther} then now() else last_progress_at end`,
  }
}
