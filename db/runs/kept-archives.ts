// Archives that are kept while a copy is missing (docs/design.md, rule 6): how a run's row comes to name its pin, and which
// archives are still linked although their run is settled. A workflow of its own releases each of those; pinsDue finds the ones
// whose workflow is missing.

import { sql } from 'kysely'
import { KEEP_ARCHIVE_MS } from '../../workflows/archives/keep-time.ts'
import { appendAudit } from '../audit.ts'
import type { Db, DbOrTransaction } from '../database.ts'
import type { PinKind, Run } from '../schema.ts'
import { runMissing } from './runs.ts'

export type ArchiveOfRun = {
  /** Bytes. */
  readonly size: number
  /** Absolute, symlinks resolved. */
  readonly archive_path: string
  readonly archive_mtime_ns: string
  readonly pin: PinKind
  readonly pin_path: string | null
}

/** These columns alone, whatever other fields the object has. */
export function archiveColumns({
  size,
  archive_path,
  archive_mtime_ns,
  pin,
  pin_path,
}: ArchiveOfRun): ArchiveOfRun {
  return { size, archive_path, archive_mtime_ns, pin, pin_path }
}

/** An archive that was looked at and linked in one step; `reason` says why it could not be linked. */
export type KeptArchive = ArchiveOfRun & { readonly reason: string | null }

/**
 * Notes the pin of a run, with its audit entry, in one transaction, unless the run has another pin than the one that was
 * seen. False when another pin was noted in the meantime, or there is no such run (`whilePending`: no such pending run): the
 * caller must remove its link then.
 */
export async function notePin(
  db: Db,
  seen: Pick<Run, 'id' | 'pin' | 'pin_path'>,
  kept: KeptArchive,
  { actor, whilePending = false }: { readonly actor: string; readonly whilePending?: boolean },
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    let query = trx
      .updateTable('runs')
      .set({ ...archiveColumns(kept), updated_at: sql<string>`now()` })
      .where('id', '=', seen.id)
      .where('pin', 'is not distinct from', seen.pin)
      .where('pin_path', 'is not distinct from', seen.pin_path)
    if (whilePending) query = query.where('cloud_status', '=', 'pending')
    const run = await query.returningAll().executeTakeFirst()
    if (run === undefined) return false
    await auditPin(trx, run, kept, actor)
    return true
  })
}

/** The audit entry that a run's archive is kept, or why it is not linked. */
export async function auditPin(
  trx: DbOrTransaction,
  run: Pick<Run, 'id' | 'instance_slug' | 'archive'>,
  { pin, size, reason }: KeptArchive,
  actor: string,
): Promise<void> {
  await appendAudit(trx, {
    actor,
    event: pin === 'linked' ? 'archive_pinned' : 'archive_not_linkable',
    instance_slug: run.instance_slug,
    run_id: run.id,
    details: { archive: run.archive, size, ...(reason === null ? {} : { reason }) },
  })
}

/** Notes until when the pin is kept; null for as long as nothing else is noted. */
export async function keepPinUntil(db: DbOrTransaction, runId: string, until: string | null): Promise<Run> {
  const row = await db
    .updateTable('runs')
    .set({ kept_until: until, updated_at: sql<string>`now()` })
    .where('id', '=', runId)
    .returningAll()
    .executeTakeFirst()
  return row ?? runMissing()
}

/**
 * To be called after the link is gone from the disk; `pin: 'original'` is released in the same way. False when the run is
 * being synced again, or has no pin.
 */
export async function releasePin(db: DbOrTransaction, runId: string): Promise<boolean> {
  const result = await db
    .updateTable('runs')
    .set({ pin: null, pin_path: null, kept_until: null, updated_at: sql<string>`now()` })
    .where('id', '=', runId)
    .where('pin', 'is not', null)
    .where('cloud_status', '<>', 'pending')
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

const PAGE = 100

/**
 * All settled runs whose link may be removed at `at`, read page by page. Where no time is noted, the link is kept for as long
 * after the end of the sync as after a failure. A run that is being synced is not among them.
 */
export async function* pinsDue(
  db: DbOrTransaction,
  { at, page = PAGE }: { readonly at: string; readonly page?: number },
): AsyncGenerator<Run, void> {
  let after = ''
  for (;;) {
    const runs = await db
      .selectFrom('runs')
      .selectAll()
      // Literally the condition of the index, which PostgreSQL uses for that reason.
      .where(sql<boolean>`pin = 'linked' and cloud_status <> 'pending'`)
      .where(
        sql<boolean>`coalesce(kept_until, sync_finished_at + make_interval(secs => ${KEEP_ARCHIVE_MS / 1000})) <= ${at}`,
      )
      .where('id', '>', after)
      .orderBy('id')
      .limit(page)
      .execute()
    yield* runs
    const last = runs.at(-1)
    if (last === undefined || runs.length < page) return
    after = last.id
  }
}

const KNOWN_HOSTS = 100

/** Queues of hosts that runs of the last 30 days have named, at most 100. */
export async function queuesOfHosts(db: DbOrTransaction): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('runs')
    .select('archive_task_queue')
    .distinct()
    .where('created_at', '>', sql<string>`now() - interval '30 days'`)
    .where('archive_task_queue', 'is not', null)
    .orderBy('archive_task_queue')
    .limit(KNOWN_HOSTS)
    .execute()
  return rows.flatMap(({ archive_task_queue }) => (archive_task_queue === null ? [] : [archive_task_queue]))
}
