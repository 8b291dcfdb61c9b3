// Accepts a run. The archive is pinned before the row is written, so that the row never names a link that does not exist. When
// the process dies in between, the next request or the sweep finds the link.

import type { z } from '@hono/zod-openapi'
import { appendAudit } from '../../db/audit.ts'
import { DbConflict } from '../../db/conflict.ts'
import type { Db } from '../../db/database.ts'
import { listBindings } from '../../db/instances/bindings.ts'
import { getInstance } from '../../db/instances/instances.ts'
import type { Config } from '../../db/process/config.ts'
import { auditPin, type KeptArchive, notePin } from '../../db/runs/kept-archives.ts'
import { getRun } from '../../db/runs/runs.ts'
import { recordRunToStart } from '../../db/runs/starts.ts'
import type { Run } from '../../db/schema.ts'
import { runWorkflowId } from '../../workflows/workflow-ids.ts'
import { dropLink, type InspectDeps, inspectArchive } from '../archives/inspect-archive.ts'
import { invalidField } from '../http/problem.ts'
import type { newRunSchema } from '../schemas/runs.ts'

type RunToAccept = {
  readonly id: string
  /** The run of this ID as it was read before; null when there was none. */
  readonly seen: Run | null
  readonly actor: string
  readonly body: z.output<typeof newRunSchema>
  /** False when Temporal is known to be away: no worker can be asked to inspect the archive then. */
  readonly canAsk: boolean
}

type AcceptDeps = InspectDeps & {
  readonly db: Db
  readonly config: Partial<Pick<Config, 'backupRoot'>>
}

/**
 * The recorded run, with its pin if somebody could inspect the archive. Throws a 422 for an instance, account or archive that
 * does not exist, and DbConflict as `recordRunToStart` does. Both leave no link behind.
 */
export async function acceptRun(deps: AcceptDeps, wanted: RunToAccept): Promise<Run> {
  const { id, seen, body, canAsk } = wanted
  const { archive, archive_task_queue = null } = body
  if (seen === null) await refuseBadReferences(deps, body)
  const question = { archive, archive_task_queue, run_id: id, keep: true }
  const first = seen === null ? await inspectArchive(deps, question, { canAsk }) : null
  if (first?.fault != null) throw invalidField('archive', first.fault.message, first.fault.code)
  const run = await recordOnce(deps, wanted, first?.kept ?? null)
  if (!isUnkept(run) || first !== null) return run
  // The run was accepted when nobody could inspect its archive. A repeated request may find a worker that can.
  const again = { ...question, archive: run.archive, archive_task_queue: run.archive_task_queue }
  const { kept } = await inspectArchive(deps, again, { canAsk })
  return kept === null ? run : noteOrDrop(deps, run, kept, wanted.actor)
}

/** Records the run once. Afterwards the new link is the run's pin, or is removed. */
async function recordOnce(
  deps: AcceptDeps,
  { id, actor, body }: RunToAccept,
  kept: KeptArchive | null,
): Promise<Run> {
  const { instance, archive, database, finished_at, archive_task_queue, account_ids } = body
  const values = {
    id,
    instance_slug: instance,
    archive,
    workflow_id: runWorkflowId(instance, id),
    backup_root: deps.config.backupRoot,
    database,
    finished_at,
    archive_task_queue,
    account_ids,
  }
  try {
    const { run, created } = await deps.db.transaction().execute(async (trx) => {
      const recorded = await recordRunToStart(trx, values, kept)
      if (recorded.created) {
        const entry = { instance_slug: instance, run_id: id, details: { archive } }
        await appendAudit(trx, { actor, event: 'run_recorded', ...entry })
        if (kept !== null) await auditPin(trx, recorded.run, kept, actor)
      }
      return recorded
    })
    return created || kept === null ? run : await noteOrDrop(deps, run, kept, actor)
  } catch (error) {
    // After any other error, the row may have been written and name this link. The sweep decides about it.
    if (error instanceof DbConflict) {
      await dropLink(deps, { id, archive_task_queue: archive_task_queue ?? null }, kept)
    }
    throw error
  }
}

/** Notes the pin if the run has none, and removes the link otherwise. Resolves with the run as it is then. */
export async function noteOrDrop(deps: AcceptDeps, run: Run, kept: KeptArchive, actor: string): Promise<Run> {
  const isNoted =
    isUnkept(run) &&
    isSameFile(run, kept) &&
    (await notePin(deps.db, run, kept, { actor, whilePending: true }))
  if (!isNoted) await dropLink(deps, run, kept)
  return (await getRun(deps.db, run.id)) ?? run
}

function isUnkept({ pin, cloud_status }: Run): boolean {
  return pin === null && cloud_status === 'pending'
}

/** True also when the run has not found its archive yet, because nothing is known of the file then. */
function isSameFile({ size, archive_mtime_ns }: Run, kept: KeptArchive): boolean {
  if (size === null || archive_mtime_ns === null) return true
  return size === kept.size && archive_mtime_ns === kept.archive_mtime_ns
}

async function refuseBadReferences(deps: AcceptDeps, body: z.output<typeof newRunSchema>): Promise<void> {
  const { instance, account_ids } = body
  if ((await getInstance(deps.db, instance)) === null) {
    throw invalidField('instance', `there is no instance "${instance}"`, 'unknown_instance')
  }
  if (account_ids) {
    const bound = new Set((await listBindings(deps.db, instance)).map((binding) => binding.account_id))
    const unbound = account_ids.find((accountId) => !bound.has(accountId))
    if (unbound !== undefined) {
      throw invalidField('account_ids', `"${unbound}" is not bound to this instance`, 'unknown_account')
    }
  }
}
