// The provider's upload session of one run and account, sealed, and how far it came. After a lost heartbeat an
// old attempt may still be running beside the new one: each attempt claims the row, and every write names its
// claim, so only the newest attempt can change anything. The number of a claim is never given twice: an attempt that
// wakes up after its row was forgotten must not find it in another one's hands under its own number.

import { sql } from 'kysely'
import { z } from 'zod'
import type { FileHash } from '../../workflows/types.ts'
import type { DbOrTransaction } from '../database.ts'
import type { UploadSessionRow } from '../schema.ts'
import type { Vault } from '../secrets/vault.ts'

/** The holder of a session; `claim` is the number that claimSession gave it. */
export type SessionClaim = { readonly run_id: string; readonly account_id: string; readonly claim: number }

/** Another attempt has claimed the session since, or the upload is settled: stop without writing. Code `claim_lost`. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost'
  readonly code = 'claim_lost'

  constructor() {
    super('another attempt has taken this upload over')
  }
}

/** What the session uploads, and to where. */
export type SessionTarget = {
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

/**
 * Attempts follow each other within five minutes, and a short Retry-After belongs to them. In a longer break nothing was
 * tried: no power, no worker, no place at the account, or a pause that the provider or we have set.
 */
const LONGEST_BREAK_MS = 15 * 60_000
const breakMs = sql<number>`extract(epoch from clock_timestamp() - upload_sessions.tried_at) * 1000`
const shortBreakMs = sql<number>`case
  when ${breakMs} between 0 and ${sql.lit(LONGEST_BREAK_MS)} then round(${breakMs})::bigint else 0 end`

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
        fruitless_ms: sql<number>`upload_sessions.fruitless_ms + ${shortBreakMs}`,
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
  const result = await ownRow(db, claim)
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
  const result = await ownRow(db, claim)
    .set({ archive_hash: JSON.stringify(hash) })
    .executeTakeFirst()
  refuseLostClaim(result.numUpdatedRows)
}

/** What an attempt has found out and done since its last save. */
export type Progress = {
  /** What the provider has; null before it has said so in this attempt: the row keeps what it knows. */
  readonly stored_bytes: number | null
  /** Handed to the network by all attempts. */
  readonly sent_bytes: number
  /** Time of trying that is not counted yet, in milliseconds; default 0. */
  readonly tried_ms?: number
  /** Bytes left since the provider last said what it has: whether the time was in vain shows when it says so again. */
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
  const stored = sql<number | null>`${stored_bytes}::bigint`
  const tried = sql<number>`${tried_ms}::bigint`
  const isFurther = sql<boolean>`coalesce(${stored} > furthest_bytes, false)`
  // Of the bytes of earlier attempts, only the provider's word says what became of them.
  const isSettled = sql<boolean>`${stored_bytes !== null && !is_unsettled}::boolean`
  const row = await ownRow(db, claim)
    .set({
      stored_bytes: sql<number>`coalesce(${stored}, stored_bytes)`,
      sent_bytes,
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
    })
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) {
    throw new ClaimLost()
  }
  return row
}

/**
 * Keeps the session of a copy that is gone, changed so that the next attempt knows it: nothing counts as stored any more.
 * Throws ClaimLost.
 */
export async function resendSession(
  db: DbOrTransaction,
  vault: Vault,
  claim: SessionClaim,
  session: StoredSession,
): Promise<void> {
  await saveSession(db, vault, claim, session)
  await ownRow(db, claim).set({ stored_bytes: 0, furthest_bytes: 0 }).execute()
}

/** A re-upload has all of its patience: what was tried before does not count. */
export const NEW_PATIENCE = {
  last_progress_at: sql<string>`now()`,
  fruitless_ms: 0,
  unsettled_ms: 0,
  fruitless_attempts: 0,
  tried_at: null,
} as const

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
  const row = await ownRow(db, claim)
    .set({ ...NO_SESSION, restarts: sql<number>`restarts + 1` })
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) {
    throw new ClaimLost()
  }
  return row
}

/**
 * Drops a session that we have given up ourselves, which is no fault of the provider's. `target` replaces what is uploaded,
 * where that has changed. Throws ClaimLost.
 */
export async function dropSession(
  db: DbOrTransaction,
  claim: SessionClaim,
  target?: SessionTarget,
): Promise<void> {
  const result = await ownRow(db, claim)
    .set({ ...target, ...NO_SESSION, ...(target === undefined ? {} : { archive_hash: null }) })
    .executeTakeFirst()
  refuseLostClaim(result.numUpdatedRows)
}

/** Throws ClaimLost when the claim is not the newest. In a transaction nobody else can claim the row until its end. */
export async function assertClaim(db: DbOrTransaction, claim: SessionClaim): Promise<void> {
  const row = await db
    .selectFrom('upload_sessions')
    .select('claim')
    .where('run_id', '=', claim.run_id)
    .where('account_id', '=', claim.account_id)
    .where('claim', '=', claim.claim)
    .forShare()
    .executeTakeFirst()
  if (row === undefined) {
    throw new ClaimLost()
  }
}

/** After success, or when it was given up at the provider. Throws ClaimLost. */
export async function forgetSession(db: DbOrTransaction, claim: SessionClaim): Promise<void> {
  const result = await db
    .deleteFrom('upload_sessions')
    .where('run_id', '=', claim.run_id)
    .where('account_id', '=', claim.account_id)
    .where('claim', '=', claim.claim)
    .executeTakeFirst()
  refuseLostClaim(result.numDeletedRows)
}

function ownRow(db: DbOrTransaction, claim: SessionClaim) {
  return db
    .updateTable('upload_sessions')
    .where('run_id', '=', claim.run_id)
    .where('account_id', '=', claim.account_id)
    .where('claim', '=', claim.claim)
}

function refuseLostClaim(rows: bigint): void {
  if (rows === 0n) {
    throw new ClaimLost()
  }
}
