// How far uploads are at the provider and how fast they go: saved by each attempt, and read for the pages.

import { sql } from 'kysely'
import type { DbOrTransaction } from '../database.ts'
import type { UploadSessionRow } from '../schema.ts'
import { openAttemptBytes } from './attempts.ts'
import { claimedSession, claimIsLost, type SessionClaim } from './claims.ts'
import { patienceAfter } from './patience.ts'

/** What an attempt has found out and done since its last save. */
export type Progress = {
  /** What the provider has; null before it has said so in this attempt: the row keeps what it knows. */
  readonly stored_bytes: number | null
  /** Handed to the network by all attempts. */
  readonly sent_bytes: number
  /** Time of trying since the last save, in milliseconds; default 0. */
  readonly tried_ms?: number
  /** Bytes were sent since the provider last said what it has: its next answer shows whether the time was in vain. */
  readonly is_unsettled?: boolean
}

/**
 * Notes how far the upload came, and for how long it has been tried in vain. Only more bytes than ever before are progress:
 * a provider that loses some and gets them again is no further. Throws ClaimLost.
 */
export async function saveProgress(
  db: DbOrTransaction,
  claim: SessionClaim,
  { stored_bytes, sent_bytes, tried_ms = 0, is_unsettled = false }: Progress,
): Promise<UploadSessionRow> {
  const row = await claimedSession(db, claim)
    .set({
      stored_bytes: sql<number>`coalesce(${stored_bytes}::bigint, stored_bytes)`,
      sent_bytes,
      ...patienceAfter({ stored_bytes, tried_ms, is_unsettled }),
    })
    .returningAll()
    .executeTakeFirst()
  return row ?? claimIsLost()
}

export type AttemptProgress = {
  readonly run_id: string
  readonly account_id: string
  /** What the provider has of the file, as of the last save (every second). */
  readonly stored_bytes: number
  /** Bytes were sent since then of which the provider has not said yet whether it has them. */
  readonly is_unsettled: boolean
  /** Bytes of the open attempt, as of the last save; 0 without one. */
  readonly attempt_bytes: number
  /** How long the open attempt has lasted; null while none is open. */
  readonly attempt_seconds: number | null
}

/** Of destinations that have begun an upload. */
export async function listAttemptProgress(
  db: DbOrTransaction,
  runIds: readonly string[],
): Promise<readonly AttemptProgress[]> {
  if (runIds.length === 0) return []
  return db
    .selectFrom('upload_sessions as session')
    .leftJoin('attempts as open', (join) =>
      join
        .onRef('open.run_id', '=', 'session.run_id')
        .onRef('open.account_id', '=', 'session.account_id')
        .on('open.outcome', 'is', null),
    )
    .select([
      'session.run_id',
      'session.account_id',
      'session.stored_bytes',
      sql<boolean>`session.unsettled_ms > 0`.as('is_unsettled'),
      sql<number | null>`extract(epoch from clock_timestamp() - open.started_at)::float8`.as(
        'attempt_seconds',
      ),
      openAttemptBytes('open').as('attempt_bytes'),
    ])
    .where('session.run_id', 'in', runIds)
    .execute()
}
