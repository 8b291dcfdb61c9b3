// The provider's upload session of one run and account, sealed, and what it uploads. Each attempt claims the session
// (db/uploads/claims.ts); how far it came is written by db/uploads/progress.ts.

import { sql } from 'kysely'
import { z } from 'zod'
import type { FileHash } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'
import type { UploadSessionRow } from '../schema.ts'
import type { Vault } from '../secrets/vault.ts'
import { claimedSession, claimIsLost, refuseLostClaim, type SessionClaim } from './claims.ts'
import { COUNTED_BREAK_MS } from './patience.ts'

/** What the session uploads, and to where. */
type SessionTarget = {
  readonly remote_folder: string
  readonly remote_name: string
  /** Bytes. */
  readonly archive_size: number
  readonly archive_mtime_ns: string
}

/** Private to its provider; may hold pre-authenticated URLs. */
export type StoredSession = { readonly created_at: string; readonly [key: string]: unknown }

const storedSession = z.looseObject({ created_at: z.string() })

const SESSION_FIELD = 'session'

function sealedRow(claim: Pick<SessionClaim, 'run_id' | 'account_id'>): string {
  return `${claim.run_id}/${claim.account_id}`
}

/**
 * Takes the session over from every earlier attempt. A new row has the target as given; an existing row keeps its
 * own target: when that is of another archive (size or mtime) or name, abort it at the provider and call
 * `dropSession` with the new one. In one transaction with startAttempt, which remembers the number of the claim.
 */
export async function claimSession(
  db: DbOrTransaction,
  runId: string,
  accountId: string,
  target: SessionTarget,
): Promise<UploadSessionRow> {
  return db
    .insertInto('upload_sessions')
    .values((own) => ({
      run_id: runId,
      account_id: accountId,
      claim: own
        .selectFrom('attempts')
        .select(({ fn, val }) => sql<number>`${fn.coalesce(fn.max('attempt'), val(0))} + 1`.as('next'))
        .where('run_id', '=', runId)
        .where('account_id', '=', accountId),
      tried_at: sql<string>`clock_timestamp()`,
      ...target,
    }))
    .onConflict((conflict) =>
      conflict.columns(['run_id', 'account_id']).doUpdateSet({
        claim: sql<number>`upload_sessions.claim + 1`,
        fruitless_attempts: sql<number>`upload_sessions.fruitless_attempts + 1`,
        fruitless_ms: sql<number>`upload_sessions.fruitless_ms + ${COUNTED_BREAK_MS}`,
        tried_at: sql<string>`clock_timestamp()`,
      }),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function getSession(
  db: DbOrTransaction,
  runId: string,
  accountId: string,
): Promise<UploadSessionRow | null> {
  const row = await db
    .selectFrom('upload_sessions')
    .selectAll()
    .where('run_id', '=', runId)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
  return row ?? null
}

/** The session inside the row; null when none is open. Throws VaultError when no key opens it. */
export function openSession(vault: Vault, row: UploadSessionRow): StoredSession | null {
  if (row.sealed_session === null) {
    return null
  }
  return storedSession.parse(JSON.parse(vault.open(sealedRow(row), SESSION_FIELD, row.sealed_session)))
}

/** Durable when it resolves. Throws ClaimLost. */
export async function saveSession(
  db: DbOrTransaction,
  vault: Vault,
  claim: SessionClaim,
  session: StoredSession,
): Promise<void> {
  const sealed = vault.seal(sealedRow(claim), SESSION_FIELD, JSON.stringify(session))
  const result = await claimedSession(db, claim)
    .set({ sealed_session: sealed, session_created_at: session.created_at })
    .executeTakeFirst()
  refuseLostClaim(result.numUpdatedRows)
}

/** Keeps the hash of the whole archive beside its session. Throws ClaimLost. */
export async function saveArchiveHash(
  db: DbOrTransaction,
  claim: SessionClaim,
  hash: FileHash,
): Promise<void> {
  const result = await claimedSession(db, claim)
    .set({ archive_hash: JSON.stringify(hash) })
    .executeTakeFirst()
  refuseLostClaim(result.numUpdatedRows)
}

/**
 * Keeps the session of a copy that has vanished, changed as `session` says: nothing counts as stored any more.
 * Throws ClaimLost.
 */
export async function resendSession(
  db: DbOrTransaction,
  vault: Vault,
  claim: SessionClaim,
  session: StoredSession,
): Promise<void> {
  await saveSession(db, vault, claim, session)
  await claimedSession(db, claim).set({ stored_bytes: 0, furthest_bytes: 0 }).execute()
}

const NO_SESSION = {
  sealed_session: null,
  session_created_at: null,
  stored_bytes: 0,
  furthest_bytes: 0,
} as const

/**
 * Drops a session that the provider has forgotten for a new one: nothing is stored, `restarts` counts it, and the time of
 * trying in vain runs on until the new one has a byte. Throws ClaimLost.
 */
export async function restartSession(db: DbOrTransaction, claim: SessionClaim): Promise<UploadSessionRow> {
  const row = await claimedSession(db, claim)
    .set({ ...NO_SESSION, restarts: sql<number>`restarts + 1` })
    .returningAll()
    .executeTakeFirst()
  return row ?? claimIsLost()
}

/**
 * Drops a session that this program has given up, which does not count as a restart. `target` replaces what is uploaded,
 * where that has changed. Throws ClaimLost.
 */
export async function dropSession(
  db: DbOrTransaction,
  claim: SessionClaim,
  target?: SessionTarget,
): Promise<void> {
  const result = await claimedSession(db, claim)
    .set({ ...target, ...NO_SESSION, ...(target === undefined ? {} : { archive_hash: null }) })
    .executeTakeFirst()
  refuseLostClaim(result.numUpdatedRows)
}

/** After success, or when it was given up at the provider. Throws ClaimLost. */
export async function deleteSession(db: DbOrTransaction, claim: SessionClaim): Promise<void> {
  const result = await db
    .deleteFrom('upload_sessions')
    .where('run_id', '=', claim.run_id)
    .where('account_id', '=', claim.account_id)
    .where('claim', '=', claim.claim)
    .executeTakeFirst()
  refuseLostClaim(result.numDeletedRows)
}
