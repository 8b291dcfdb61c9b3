// How far the uploads of runs are at the provider, and how fast they go: what the open attempt of each destination has
// handed to the network, and since when.

import { sql } from 'kysely'
import type { DbOrTransaction } from '../database.ts'
import { openAttemptBytes } from './attempts.ts'

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
