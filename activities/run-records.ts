// What a run leaves in the database at its beginning and end. The first activity of every workflow records the run, so
// that any Temporal client may start one with nothing in the database but the instance and its bindings.

import { appendAudit } from '../db/audit.ts'
import { listBindings } from '../db/bindings.ts'
import type { DbOrTransaction } from '../db/database.ts'
import { getInstance } from '../db/instances.ts'
import { KEEP_ARCHIVE_MS } from '../db/kept-archives.ts'
import { beginSync, finishSync, getRun, keepPinUntil, recordRun, saveDestination } from '../db/runs.ts'
import type { Binding, Run } from '../db/schema.ts'
import { type Destination, pendingState } from '../workflows/destination.ts'
import { resolveFolder } from '../workflows/remote-name.ts'
import type {
  CloudStatus,
  CloudSyncInput,
  CloudSyncStatus,
  DestinationState,
  StatusError,
} from '../workflows/types.ts'
import type { ActivityDeps } from './dependencies.ts'
import { causeOf, StepError, statusErrorFrom } from './failures.ts'
import { knownRun } from './pin-archive.ts'

export type RunRecordActivities = {
  /** Records the run (once) and opens a sync of its destinations. `destinations` are those to be synced now. */
  recordRun(
    input: CloudSyncInput & { run_id: string; workflow_id: string },
  ): Promise<{ destinations: Destination[]; status: CloudSyncStatus }>
  /** Closes a run that was recorded by the API before and cannot begin; does nothing to a run of another archive. */
  refuseRun(input: { run_id: string; instance: string; archive: string; error: StatusError }): Promise<void>
  saveDestination(input: {
    run_id: string
    account_id: string
    state: Partial<DestinationState>
  }): Promise<void>
  /** Marks these destinations (null: all that are not settled) and, with null, the run itself with the error. */
  failRun(input: { run_id: string; account_ids: string[] | null; error: StatusError }): Promise<void>
  /** Closes the sync; `keep_archive` when a destination still lacks its copy. What is open ends with `unsettled`. */
  finishRun(input: {
    run_id: string
    unsettled?: StatusError
  }): Promise<{ status: CloudStatus; destinations: CloudSyncStatus; keep_archive: boolean }>
}

export function createRunRecordActivities(deps: ActivityDeps): RunRecordActivities {
  const { db } = deps
  return {
    recordRun: async (input) => {
      if ((await getInstance(db, input.instance)) === null) {
        throw new StepError(
          'unknown_instance',
          `instance: there is no instance ${JSON.stringify(input.instance)}`,
        )
      }
      const bindings = await chosenBindings(db, input)
      const run = await recordOnce(deps, input)
      const names = await accountNames(db, bindings)
      const destinations: Destination[] = []
      const states: Record<string, DestinationState> = {}
      for (const binding of bindings) {
        const account = names.get(binding.account_id)
        if (account === undefined) continue
        const destination = toDestination(binding, account, run.database)
        const state = pendingState({ ...destination, folder: destination.folder ?? '' })
        if (destination.folder === null) {
          const error = statusErrorFrom(
            causeOf(
              new StepError(
                'database_missing',
                `the folder is ${binding.remote_path}, and the run has no database`,
              ),
            ),
          )
          states[binding.account_id] = {
            ...state,
            status: 'failed',
            error,
            finished_at: new Date().toISOString(),
          }
          continue
        }
        destinations.push({ ...destination, folder: destination.folder })
        states[binding.account_id] = state
      }
      const begun = await beginSync(db, run.id, states)
      await appendAudit(db, {
        actor: 'workflow',
        event: 'sync_started',
        instance_slug: input.instance,
        run_id: run.id,
        details: { accounts: Object.keys(states) },
      })
      return { destinations, status: begun.cloud_sync_status }
    },

    refuseRun: async ({ run_id, instance, archive, error }) => {
      const run = await getRun(db, run_id)
      if (run === null || run.instance_slug !== instance || run.archive !== archive) return
      if (run.cloud_status === 'pending') await finishSync(db, run_id, 'failed', error)
    },

    saveDestination: async ({ run_id, account_id, state }) => {
      await saveDestination(db, run_id, account_id, state)
      const event =
        state.status === 'failed' ? 'upload_failed' : state.status === 'cancelled' ? 'upload_cancelled' : null
      if (event === null) return
      const run = await knownRun(deps, run_id)
      await appendAudit(db, {
        actor: 'workflow',
        event,
        instance_slug: run.instance_slug,
        run_id,
        account_id,
        binding_id: run.cloud_sync_status[account_id]?.binding_id,
        details: { ...(state.error ? { error: state.error } : {}) },
      })
    },

    failRun: async ({ run_id, account_ids, error }) => {
      const run = await knownRun(deps, run_id)
      await settleAll(deps, run, account_ids, error)
      if (account_ids === null) await finishSync(db, run_id, 'failed', error)
    },

    finishRun: async ({ run_id, unsettled }) => {
      if (unsettled !== undefined) await settleAll(deps, await knownRun(deps, run_id), null, unsettled)
      const run = await knownRun(deps, run_id)
      const states = Object.values(run.cloud_sync_status)
      const status = cloudStatusOf(states)
      const keepArchive = status === 'failed'
      // Before the sync is closed: a release that comes by just then must find how long the archive is kept.
      if (keepArchive && run.pin !== null) {
        await keepPinUntil(db, run_id, new Date(Date.now() + KEEP_ARCHIVE_MS).toISOString())
      }
      await finishSync(db, run_id, status, status === 'failed' ? run.error : null)
      await appendAudit(db, {
        actor: 'workflow',
        event: 'sync_finished',
        instance_slug: run.instance_slug,
        run_id,
        details: { cloud_status: status },
      })
      const finished = await getRun(db, run_id)
      return {
        status,
        destinations: finished?.cloud_sync_status ?? {},
        keep_archive: keepArchive && run.pin === 'linked',
      }
    },
  }
}

/** Ends these destinations (null: all that are not settled) as cancelled or failed. */
async function settleAll(
  { db }: ActivityDeps,
  run: Run,
  accountIds: readonly string[] | null,
  error: StatusError,
): Promise<void> {
  const status = error.code === 'cancelled' ? 'cancelled' : 'failed'
  for (const [accountId, state] of Object.entries(run.cloud_sync_status)) {
    const isMeant = accountIds === null ? state.finished_at === null : accountIds.includes(accountId)
    if (!isMeant) continue
    await saveDestination(db, run.id, accountId, { status, error, finished_at: new Date().toISOString() })
    await appendAudit(db, {
      actor: 'workflow',
      event: status === 'failed' ? 'upload_failed' : 'upload_cancelled',
      instance_slug: run.instance_slug,
      run_id: run.id,
      account_id: accountId,
      binding_id: state.binding_id,
      details: { error },
    })
  }
}

/** The run and the word of the audit about it: both or none. */
async function recordOnce(
  { db, config }: ActivityDeps,
  input: CloudSyncInput & { run_id: string; workflow_id: string },
) {
  return db.transaction().execute(async (trx) => {
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
  })
}

/** A run is safe when every destination has its copy; a cancelled one has not. */
function cloudStatusOf(states: readonly DestinationState[]): 'uploaded' | 'failed' | 'none' {
  if (states.length === 0) return 'none'
  return states.every((state) => state.status === 'uploaded') ? 'uploaded' : 'failed'
}

async function chosenBindings(db: DbOrTransaction, input: CloudSyncInput): Promise<readonly Binding[]> {
  const bindings = await listBindings(db, input.instance)
  const wanted = input.account_ids ?? null
  const unbound = wanted?.find((id) => !bindings.some((binding) => binding.account_id === id))
  if (unbound !== undefined) {
    throw new StepError(
      'unknown_account',
      `account_ids: ${JSON.stringify(unbound)} is not bound to this instance`,
    )
  }
  return bindings.filter(
    (binding) => binding.enabled && (wanted === null || wanted.includes(binding.account_id)),
  )
}

type AccountName = Pick<Destination, 'account' | 'provider'>

async function accountNames(
  db: DbOrTransaction,
  bindings: readonly Binding[],
): Promise<Map<string, AccountName>> {
  if (bindings.length === 0) return new Map()
  const ids = bindings.map((binding) => binding.account_id)
  const rows = await db
    .selectFrom('cloud_accounts')
    .select(['id', 'name', 'provider'])
    .where('id', 'in', ids)
    .execute()
  return new Map(rows.map((row) => [row.id, { account: row.name, provider: row.provider }]))
}

function toDestination(
  binding: Binding,
  account: AccountName,
  database: string | null,
): Omit<Destination, 'folder'> & { folder: string | null } {
  return {
    account_id: binding.account_id,
    binding_id: binding.id,
    ...account,
    folder: resolveFolder(binding.remote_path, binding.instance_slug, database),
    keep_last: binding.keep_last,
    retention_scope: binding.retention_scope,
  }
}
