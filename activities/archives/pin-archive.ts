// Keeping the archive while uploads need it (docs/design.md, rule 6), so that the orchestrator's own retention may delete its
// name of the file: noting the link in the run's row, and releasing it.

import { appendAudit } from '../../db/audit.ts'
import type { Db } from '../../db/database.ts'
import { databaseNow } from '../../db/database-server.ts'
import { type KeptArchive, notePin, releasePin } from '../../db/runs/kept-archives.ts'
import { lockRun } from '../../db/runs/runs.ts'
import type { PinKind, Run } from '../../db/schema.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { StepError } from '../failures.ts'
import { knownRun } from '../runs/load-run.ts'
import { seesArchivesOf } from '../worker/archive-queues.ts'
import { lookAt, removeLink, removeLinksOfRun } from './archive-link.ts'
import { identify } from './find-archive.ts'
import { keepArchive } from './keep-archive.ts'

/** Each failed try needs another one that keeps the same archive at the same moment. */
const PIN_TRIES = 3

type PinnedArchive = { readonly size: number; readonly pin: PinKind }

type PinActivities = {
  /**
   * Checks the archive and links it. Idempotent: a link of an earlier sync is used as it is, also when the
   * original is gone by now. Fails with the codes of `findArchive`, or `archive_changed` when another file has taken the
   * place of the one that this run recorded.
   */
  pinArchive(input: { run_id: string }): Promise<PinnedArchive>
  /**
   * Unlinks; with `only_when_due` not before `kept_until`, and never while a sync is open. What is not released yet says
   * how much longer it is kept, as far as that is known: a time would be compared with the caller's clock.
   */
  releaseArchive(input: {
    run_id: string
    only_when_due?: boolean
  }): Promise<{ is_released: boolean; kept_for_ms?: number | null }>
}

export function createPinActivities(deps: ActivityDeps): PinActivities {
  const { db } = deps
  return {
    pinArchive: async ({ run_id }) => pin(deps, await knownRun(deps, run_id)),

    // Under the lock on the row: a sync that begins meanwhile finds the run without its pin, and keeps the archive anew.
    releaseArchive: ({ run_id, only_when_due }) =>
      db.transaction().execute(async (trx) => {
        const run = await lockRun(trx, run_id)
        const { kept_until, instance_slug, archive } = run
        if (run.cloud_status === 'pending') return { is_released: false, kept_for_ms: null }
        const kept_for_ms = kept_until === null ? null : Date.parse(kept_until) - (await databaseNow(trx))
        if (only_when_due === true && kept_for_ms !== null && kept_for_ms > 0)
          return { is_released: false, kept_for_ms }
        if (run.pin_path !== null) await removeLinksOfRun(run.pin_path)
        if (await releasePin(trx, run_id)) {
          const about = { actor: 'workflow', instance_slug, run_id }
          await appendAudit(trx, { ...about, event: 'archive_released', details: { archive } })
        }
        return { is_released: true }
      }),
  }
}

/**
 * Keeps the archive of a run that is recorded, where this worker sees it; for `recordRun`, so that the first activity of a
 * workflow keeps the archive. To be called after the run's row is committed and outside of any transaction (it writes the pin
 * in one of its own, under a lock on the row), and before the activity returns. Resolves with the pin as it stands then: that
 * of the row where another host has the archive, null where it is not kept. It fails only when the database does: the workflow
 * calls `pinArchive` when this is null, which reports what is wrong with the archive.
 */
export async function pinForRun(deps: ActivityDeps, run: Run): Promise<PinKind | null> {
  if (!seesArchivesOf(deps.config, run.archive_task_queue)) return run.pin
  try {
    return (await pin(deps, run)).pin
  } catch (error) {
    if (!(error instanceof StepError)) throw error
    deps.log.info({ err: error, run_id: run.id }, 'the archive is not kept yet')
    return null
  }
}

async function pin(deps: ActivityDeps, seen: Run): Promise<PinnedArchive> {
  let run = seen
  for (let tries = 1; tries <= PIN_TRIES; tries += 1) {
    const linked = await linkedArchive(run)
    if (linked !== null) return linked
    const kept = await keepArchive(deps.config.backupRoot, run.id, run.archive)
    if (await note(deps.db, run, kept)) return { size: kept.size, pin: kept.pin }
    run = await knownRun(deps, run.id)
  }
  throw new StepError('archive_unreadable', 'Other runs keep this archive and release it again and again.')
}

/** False when another one has kept the archive in the meantime: the link that was made here is removed then. */
async function note(db: Db, run: Run, kept: KeptArchive): Promise<boolean> {
  const { size, archive_mtime_ns: mtime_ns, pin_path } = kept
  const drop = async () => (pin_path === null ? undefined : removeLink(pin_path))
  try {
    refuseOtherFile(run, { size, mtime_ns })
  } catch (error) {
    await drop()
    throw error
  }
  // When this fails, the answer may have been lost, and the row may name the link: the sweep decides.
  const isNoted = await notePin(db, run, kept, { actor: 'workflow' })
  if (!isNoted) await drop()
  return isNoted
}

/** The link of an earlier sync of this run, while it is the file that was recorded. */
async function linkedArchive(run: Run): Promise<PinnedArchive | null> {
  if (run.pin !== 'linked' || run.pin_path === null) return null
  if ((await lookAt(run.pin_path)) === null) return null
  const found = await identify(run.pin_path, run.archive)
  refuseOtherFile(run, found)
  return { size: found.size, pin: 'linked' }
}

function refuseOtherFile(run: Run, archive: { size: number; mtime_ns: string }): void {
  const isFirst = run.archive_mtime_ns === null || run.size === null
  if (isFirst || (run.archive_mtime_ns === archive.mtime_ns && run.size === archive.size)) return
  throw new StepError(
    'archive_changed',
    `The archive ${JSON.stringify(run.archive)} is not the file of this run any more.`,
  )
}
