// What a run writes to the database at its beginning. The first activity of every workflow records the run, so that any
// Temporal client may start one with nothing in the database but the instance and its bindings.

import { type AccountName, accountNames } from '../../db/accounts/accounts.ts'
import { appendAudit } from '../../db/audit.ts'
import type { DbOrTransaction } from '../../db/database.ts'
import { listBindings } from '../../db/instances/bindings.ts'
import { getInstance } from '../../db/instances/instances.ts'
import { beginSync, openSync } from '../../db/runs/destinations.ts'
import { finishSync } from '../../db/runs/ending.ts'
import { getRun, recordRun } from '../../db/runs/runs.ts'
import type { Binding, PinKind, Run } from '../../db/schema.ts'
import { resolveFolder } from '../../workflows/archives/remote-folder.ts'
import { type Destination, pendingState } from '../../workflows/runs/destination.ts'
import type { CloudSyncInput, CloudSyncStatus, DestinationState, StatusError } from '../../workflows/types.ts'
import { pinForRun } from '../archives/pin-archive.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, StepError, statusErrorFrom } from '../failures.ts'

/** `execution_id` is Temporal's run ID; workflows of earlier versions do not pass it. */
type RecordInput = CloudSyncInput & {
  readonly run_id: string
  readonly workflow_id: string
  readonly execution_id?: string | undefined
}

type RecordedSync = {
  /** Those to be synced now. */
  readonly destinations: readonly Destination[]
  /** All of the run: those that failed already and those of earlier syncs as well. */
  readonly status: CloudSyncStatus
  /**
   * How the archive is kept; null where this worker does not see it, or something is wrong with it, as `pinArchive` reports.
   */
  readonly pin: PinKind | null
}

type RefuseInput = {
  readonly run_id: string
  readonly instance: string
  readonly archive: string
  /** Workflows of earlier versions do not pass it. */
  readonly workflow_id?: string | undefined
  readonly error: StatusError
}

export type RecordRunActivities = {
  /**
   * Records the run (once) and opens a sync of its destinations, in one transaction; a second try of the same execution
   * changes nothing. Keeps the archive where this worker sees it, so that the first activity of a workflow does. Fails with
   * `sync_open` while a sync of the run is open under another workflow ID.
   */
  recordRun(input: RecordInput): Promise<RecordedSync>
  /** Closes a run that was recorded before and cannot begin; does nothing to one of another archive or workflow. */
  refuseRun(input: RefuseInput): Promise<void>
}

export function createRecordRunActivities(deps: ActivityDeps): RecordRunActivities {
  const { db } = deps
  return {
    recordRun: async (input) => {
      const { run, ...recorded } = await db.transaction().execute((trx) => record(deps, trx, input))
      // A run without a destination needs no archive, so nothing is kept for it.
      const pin = recorded.destinations.length === 0 ? run.pin : await pinForRun(deps, run)
      return { ...recorded, pin }
    },

    refuseRun: async ({ run_id, instance, archive, workflow_id, error }) => {
      const run = await getRun(db, run_id)
      if (run === null || run.instance_slug !== instance || run.archive !== archive) return
      if (workflow_id !== undefined && run.workflow_id !== workflow_id) return
      if (run.cloud_status !== 'pending') return
      await finishSync(db, run_id, error.code === 'cancelled' ? 'cancelled' : 'failed', error)
    },
  }
}

type Recorded = Omit<RecordedSync, 'pin'> & { readonly run: Run }

async function record(deps: ActivityDeps, trx: DbOrTransaction, input: RecordInput): Promise<Recorded> {
  if ((await getInstance(trx, input.instance)) === null) {
    throw new StepError(
      'unknown_instance',
      `instance: there is no instance ${JSON.stringify(input.instance)}.`,
    )
  }
  const bindings = await chosenBindings(trx, input)
  const run = await recordOnce(deps, trx, input)
  const { destinations, states } = await planDestinations(trx, bindings, run)
  const { workflow_id, execution_id } = input
  const opened =
    execution_id === undefined
      ? { kind: 'opened' as const, run: await beginSync(trx, run.id, states) }
      : await openSync(trx, run.id, { workflow_id, execution_id }, states)
  if (opened.kind === 'open_elsewhere') {
    throw new StepError(
      'sync_open',
      `Another workflow (${JSON.stringify(opened.workflow_id)}) has a sync of this run open.`,
    )
  }
  if (opened.kind === 'opened') {
    await appendAudit(trx, {
      actor: 'workflow',
      event: 'sync_started',
      instance_slug: input.instance,
      run_id: run.id,
      details: { accounts: Object.keys(states) },
    })
  }
  const status = opened.run.cloud_sync_status
  // A second try finds what the first one has opened: what is settled since then is not opened again.
  return {
    destinations: destinations.filter(({ account_id }) => isOpen(status[account_id])),
    status,
    run: opened.run,
  }
}

function isOpen(state: DestinationState | undefined): boolean {
  return state !== undefined && state.finished_at === null
}

type Planned = {
  readonly destinations: readonly Destination[]
  readonly states: Readonly<Record<string, DestinationState>>
}

/** A destination whose folder needs a database that the run does not have fails here, without delaying the others. */
async function planDestinations(
  trx: DbOrTransaction,
  bindings: readonly Binding[],
  run: Run,
): Promise<Planned> {
  const accounts = await accountNames(
    trx,
    bindings.map((binding) => binding.account_id),
  )
  const destinations: Destination[] = []
  const states: Record<string, DestinationState> = {}
  for (const binding of bindings) {
    const account = accounts.get(binding.account_id)
    if (account === undefined) continue
    const destination = toDestination(binding, account, run.database)
    if (destination.folder === null) {
      const fact = `The folder is ${binding.remote_path}, and the run has no database.`
      states[binding.account_id] = {
        ...pendingState({ ...destination, folder: '' }),
        status: 'failed',
        error: statusErrorFrom(causeOf(new StepError('database_missing', fact))),
        finished_at: new Date().toISOString(),
      }
      continue
    }
    const planned = { ...destination, folder: destination.folder }
    destinations.push(planned)
    states[binding.account_id] = pendingState(planned)
  }
  return { destinations, states }
}

/** The run and the audit entry about it: both or none. */
async function recordOnce({ config }: ActivityDeps, trx: DbOrTransaction, input: RecordInput): Promise<Run> {
  const { run, created } = await recordRun(trx, {
    id: input.run_id,
    instance_slug: input.instance,
    archive: input.archive,
    workflow_id: input.workflow_id,
    backup_root: config.backupRoot,
    database: input.database,
    finished_at: input.finished_at,
    archive_task_queue: input.archive_task_queue,
    account_ids: input.account_ids,
  })
  if (created) {
    await appendAudit(trx, {
      actor: 'workflow',
      event: 'run_recorded',
      instance_slug: input.instance,
      run_id: run.id,
      details: { archive: run.archive },
    })
  }
  return run
}

async function chosenBindings(db: DbOrTransaction, input: CloudSyncInput): Promise<readonly Binding[]> {
  const bindings = await listBindings(db, input.instance)
  const wanted = input.account_ids ?? null
  const unbound = wanted?.find((id) => !bindings.some((binding) => binding.account_id === id))
  if (unbound !== undefined) {
    throw new StepError(
      'unknown_account',
      `account_ids: ${JSON.stringify(unbound)} is not bound to this instance.`,
    )
  }
  return bindings.filter(
    (binding) => binding.enabled && (wanted === null || wanted.includes(binding.account_id)),
  )
}

function toDestination(
  binding: Binding,
  { name, provider }: AccountName,
  database: string | null,
): Omit<Destination, 'folder'> & { folder: string | null } {
  return {
    account_id: binding.account_id,
    binding_id: binding.id,
    account: name,
    provider,
    folder: resolveFolder(binding.remote_path, binding.instance_slug, database),
    keep_last: binding.keep_last,
    retention_scope: binding.retention_scope,
  }
}
