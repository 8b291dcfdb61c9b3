// The second step of retention at a destination: exactly the planned files are deleted by ID and revision, as long as the
// binding asks for it. The only code of this program that deletes good copies.

import { Context } from '@temporalio/activity'
import { markFileDeleted } from '../../db/uploads/uploaded-files.ts'
import { isRetryable } from '../../workflows/errors.ts'
import type { ListedFile } from '../../workflows/retention/plan-prune.ts'
import type { StatusError } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, statusErrorFrom } from '../failures.ts'
import type { DeleteOutcome, Provider } from '../providers/provider.ts'
import { knownRun } from '../runs/load-run.ts'
import { auditDestination } from '../uploads/upload-audit.ts'
import { whileBeating } from '../worker/heartbeats.ts'
import type { RetentionAbout } from './plan-prune.ts'
import { type RetentionOff, type RetentionRule, retentionInForce } from './rule-in-force.ts'

/** A plan holds only while the binding asks for what it was made from; where that is missing, it does not hold. */
export type PruneInput = RetentionAbout & RetentionRule & { readonly files: readonly ListedFile[] }

export type PruneOutcome = {
  readonly deleted: string[]
  readonly error: StatusError | null
  /** The binding was changed since the plan was made: what is left of it was not carried out. */
  readonly is_outdated?: boolean
}

type PruneActivities = {
  /**
   * Resolves with the names that are gone, and with the error that ended the pass early. Not to be retried as it is: a plan
   * grows old, so the folder is listed and planned anew. A file that changed since it was listed is left alone, and so is
   * every file once the binding was changed.
   */
  pruneRemote(input: PruneInput): Promise<PruneOutcome>
}

export function createPruneActivities(deps: ActivityDeps): PruneActivities {
  return { pruneRemote: (input) => whileBeating(() => prune(deps, input)) }
}

async function prune(deps: ActivityDeps, input: PruneInput): Promise<PruneOutcome> {
  const context = Context.current()
  const { database } = await knownRun(deps, input.run_id)
  const { provider } = await deps.accounts.open(input.account_id)
  const deleted: string[] = []
  for (const [done, file] of input.files.entries()) {
    context.cancellationSignal.throwIfAborted()
    // Before every file: a pass may take half an hour, and turning retention off must take effect at once.
    const reason = await whyNoLonger(deps, input, database)
    if (reason !== null) {
      const left = input.files.length - done
      await auditDestination(deps.db, input, 'prune_skipped', {
        folder: input.folder,
        reason,
        not_deleted: left,
      })
      return { deleted, error: null, is_outdated: true }
    }
    try {
      const outcome = await deleteSurely(provider, file, context.cancellationSignal)
      deleted.push(file.name)
      // A retried pass finds what it deleted before already gone: the trail has it once.
      if (outcome === 'already_gone') continue
      await markFileDeleted(deps.db, {
        account_id: input.account_id,
        remote_id: file.id,
        deleted_at: new Date().toISOString(),
      })
      await auditDestination(deps.db, input, 'file_deleted', {
        remote_id: file.id,
        name: file.name,
        size: file.size,
        uploaded_at: file.uploaded_at,
        outcome,
      })
    } catch (error) {
      context.cancellationSignal.throwIfAborted()
      const failed = statusErrorFrom(causeOf(error))
      await auditDestination(deps.db, input, 'prune_failed', {
        remote_id: file.id,
        name: file.name,
        error: { code: failed.code, message: failed.message },
      })
      if (failed.code !== 'file_changed') return { deleted, error: failed }
    }
  }
  return { deleted, error: null }
}

/** A deletion whose answer is lost is asked for once more: what is gone then was deleted here. */
async function deleteSurely(
  provider: Provider,
  { id, revision }: ListedFile,
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  try {
    return await provider.deleteFile({ id, revision }, signal)
  } catch (error) {
    signal.throwIfAborted()
    const { code, retryAfterMs } = causeOf(error)
    if (!isRetryable(code) || retryAfterMs !== undefined) throw error
    const outcome = await provider.deleteFile({ id, revision }, signal)
    return outcome === 'already_gone' ? 'deleted' : outcome
  }
}

async function whyNoLonger(
  deps: ActivityDeps,
  input: PruneInput,
  database: string | null,
): Promise<RetentionOff | 'retention_changed' | null> {
  const { rule, off } = await retentionInForce(deps.db, { ...input, database })
  if (rule === null) return off
  const isSame = rule.keep_last === input.keep_last && rule.retention_scope === input.retention_scope
  return isSame ? null : 'retention_changed'
}
