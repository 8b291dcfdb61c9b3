// Keeping the archive while it is owed (design.md, rule 6): a hard link under BACKUP_ROOT/.cloud-sync/{run_id}/, so
// that the orchestrator's own retention may delete its name of the file. No bytes are copied.

import { link, mkdir, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { appendAudit } from '../db/audit.ts'
import { getRun, releasePin, saveArchive } from '../db/runs.ts'
import type { Run } from '../db/schema.ts'
import { type ArchiveFile, codeOf, findArchive, identify, PIN_FOLDER } from './archive.ts'
import type { ActivityDeps } from './dependencies.ts'
import { StepError } from './failures.ts'

export type PinnedArchive = { readonly size: number; readonly pin: 'linked' | 'original' }

export type PinActivities = {
  /**
   * Checks the archive and links it. Idempotent: a link of an earlier sync is used as it is, also when the
   * original is gone by now. Fails with the codes of `findArchive`, or `archive_changed` when another file has taken the
   * place of the one that this run recorded.
   */
  pinArchive(input: { run_id: string }): Promise<PinnedArchive>
  /** Unlinks; with `only_when_due` not before `kept_until`, and never while a sync is open. */
  releaseArchive(input: { run_id: string; only_when_due?: boolean }): Promise<{ is_released: boolean }>
}

export function createPinActivities(deps: ActivityDeps): PinActivities {
  const { db, config } = deps
  return {
    pinArchive: async ({ run_id }) => {
      const run = await knownRun(deps, run_id)
      const kept = await keptArchive(run)
      if (kept !== null) return kept
      const archive = await findArchive(config.backupRoot, run.archive)
      refuseOtherFile(run, archive)
      const pinPath = join(config.backupRoot, PIN_FOLDER, run_id, basename(archive.path))
      const problem = await linkArchive(archive, pinPath)
      const pin = problem === null ? 'linked' : 'original'
      await db.transaction().execute(async (trx) => {
        await saveArchive(trx, run_id, {
          size: archive.size,
          archive_path: archive.path,
          archive_mtime_ns: archive.mtime_ns,
          pin,
          pin_path: problem === null ? pinPath : null,
        })
        await appendAudit(trx, {
          actor: 'workflow',
          event: problem === null ? 'archive_pinned' : 'archive_not_linkable',
          instance_slug: run.instance_slug,
          run_id,
          details: {
            archive: run.archive,
            size: archive.size,
            ...(problem === null ? {} : { reason: problem }),
          },
        })
      })
      return { size: archive.size, pin }
    },

    releaseArchive: async ({ run_id, only_when_due }) => {
      const run = await knownRun(deps, run_id)
      if (run.cloud_status === 'pending') return { is_released: false }
      const isEarly = run.kept_until !== null && Date.parse(run.kept_until) > Date.now()
      if (only_when_due === true && isEarly) return { is_released: false }
      if (run.pin_path !== null) await unlinkPin(run.pin_path)
      if (await releasePin(db, run_id)) {
        await appendAudit(db, {
          actor: 'workflow',
          event: 'archive_released',
          instance_slug: run.instance_slug,
          run_id,
          details: { archive: run.archive },
        })
      }
      return { is_released: true }
    },
  }
}

export async function knownRun(deps: Pick<ActivityDeps, 'db'>, runId: string): Promise<Run> {
  const run = await getRun(deps.db, runId)
  if (run === null) throw new StepError('invalid_input', `run_id: there is no run ${JSON.stringify(runId)}`)
  return run
}

/** The link of an earlier sync of this run, while it is the file that was recorded. */
async function keptArchive(run: Run): Promise<PinnedArchive | null> {
  if (run.pin !== 'linked' || run.pin_path === null) return null
  const isThere = await stat(run.pin_path).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return false
      throw new StepError('archive_unreadable', `the kept archive cannot be read (${codeOf(error)})`)
    },
  )
  if (!isThere) return null
  const found = await identify(run.pin_path, run.archive)
  refuseOtherFile(run, { ...found, path: run.pin_path })
  return { size: found.size, pin: 'linked' }
}

function refuseOtherFile(run: Run, archive: ArchiveFile): void {
  const isFirst = run.archive_mtime_ns === null || run.size === null
  if (isFirst || (run.archive_mtime_ns === archive.mtime_ns && run.size === archive.size)) return
  throw new StepError(
    'archive_changed',
    `archive: ${JSON.stringify(run.archive)} is not the file of this run any more`,
  )
}

/** Another file system, one without links, or one that this program may only read. */
const CANNOT_LINK = ['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES', 'EROFS']

/** Null when it is linked, else the reason why the file system would not. */
async function linkArchive(archive: ArchiveFile, pinPath: string): Promise<string | null> {
  let isFolderMade = false
  try {
    await mkdir(dirname(pinPath), { recursive: true, mode: 0o700 })
    isFolderMade = true
    await link(archive.path, pinPath)
    return null
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') {
      // Of a try that broke off before it was recorded, or of a file that stood here before.
      const standing = await identify(pinPath, archive.path)
      if (standing.inode === archive.inode) return null
      await rm(pinPath)
      return linkArchive(archive, pinPath)
    }
    if (CANNOT_LINK.includes(code)) {
      if (isFolderMade) await rmdir(dirname(pinPath))
      return code
    }
    throw new StepError('archive_unreadable', `the archive cannot be linked (${code})`)
  }
}

async function unlinkPin(pinPath: string): Promise<void> {
  await rm(pinPath, { force: true })
  await rmdir(dirname(pinPath)).catch((error: unknown) => {
    // Somebody else's file in there, or gone already: both are left as they are.
    if (!['ENOENT', 'ENOTEMPTY'].includes(codeOf(error))) throw error
  })
}
