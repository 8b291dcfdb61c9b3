// Retention at the destination, in two steps: a complete listing becomes a plan (the pure planPrune decides), and exactly the
// planned files are deleted by ID and revision, as long as the binding asks for it. The only code of this program that
// deletes good copies.

import { Context } from '@temporalio/activity'
import { markFileDeleted, ownRemoteIds, remoteIdsOfLaterRuns } from '../../db/uploads/uploaded-files.ts'
import { PLAN_TRIES } from '../../workflows/activity-options.ts'
import { isRetryable } from '../../workflows/errors.ts'
import { type ListedFile, type PruneSkip, planPrune } from '../../workflows/retention/plan-prune.ts'
import type { RetentionScope, StatusError } from '../../workflows/types.ts'
import { knownRun } from '../archives/pin-archive.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, statusErrorFrom } from '../failures.ts'
import type { DeleteOutcome, Provider } from '../providers/provider.ts'
import { auditDestination } from '../uploads/upload-audit.ts'
import { type RetentionOff, type RetentionRule, retentionInForce } from './rule-in-force.ts'

export type RetentionAbout = {
  readonly run_id: string
  readonly instance: string
  readonly account_id: string
  readonly binding_id: string
  /** Where this run's file went. */
  readonly folder: string
}

export type PlanInput = RetentionAbout & {
  /** The file that this run uploaded. */
  readonly remote_id: string
}

export type RetentionPlan = {
  readonly delete: readonly ListedFile[]
  readonly kept: number
  readonly skipped: PruneSkip | null
  /** More is to be deleted than fits one pass: plan again afterwards. */
  readonly has_more: boolean
  /**
   * What the binding asked for when this was planned; null: nothing (any more), and nothing is to be deleted. Plans in the
   * histories of earlier versions do not say it.
   */
  readonly retention?: RetentionRule | null
}

/** A plan holds only while the binding asks for what it was made from; where that is missing, it does not hold. */
export type PruneInput = RetentionAbout & RetentionRule & { readonly files: readonly ListedFile[] }

export type PruneOutcome = {
  readonly deleted: string[]
  readonly error: StatusError | null
  /** The binding was changed since the plan was made: what is left of it was not carried out. */
  readonly is_outdated?: boolean
}

export type RetentionActivities = {
  /** By the binding as it is at this moment. */
  planRemotePrune(input: PlanInput): Promise<RetentionPlan>
  /**
   * Resolves with the names that are gone, and with the error that ended the pass early. Not to be retried as it is: a plan
   * grows old, so the folder is listed and planned anew. A file that changed since it was listed is left alone, and so is
   * every file once the binding was changed.
   */
  pruneRemote(input: PruneInput): Promise<PruneOutcome>
}

const MOST_A_PASS = 500
/** A listing may lag a little behind an upload; it is asked again before the prune is skipped for it. */
const LISTING_TRIES = 3
const LISTING_PAUSE_MS = 1_500

export function createRetentionActivities(deps: ActivityDeps): RetentionActivities {
  return {
    planRemotePrune: (input) =>
      withBeats(() => plan(deps, input).catch((error) => giveUp(deps, input, error))),
    pruneRemote: (input) => withBeats(() => prune(deps, input)),
  }
}

/** The last try leaves a word in the trail: retention that silently does not happen fills the drive. */
async function giveUp(deps: ActivityDeps, input: PlanInput, error: unknown): Promise<never> {
  const context = Context.current()
  context.cancellationSignal.throwIfAborted()
  const cause = causeOf(error)
  if (!isRetryable(cause.code) || context.info.attempt >= PLAN_TRIES) {
    const { code, message } = cause
    await auditDestination(deps.db, input, 'prune_failed', { folder: input.folder, error: { code, message } })
  }
  throw error
}

async function plan(deps: ActivityDeps, input: PlanInput): Promise<RetentionPlan> {
  const { database } = await knownRun(deps, input.run_id)
  const { rule, off } = await retentionInForce(deps.db, { ...input, database })
  if (rule === null) {
    await auditDestination(deps.db, input, 'prune_skipped', { folder: input.folder, reason: off })
    return { delete: [], kept: 0, skipped: null, has_more: false, retention: null }
  }
  const { provider } = await deps.accounts.open(input.account_id)
  for (let tries = 1; ; tries += 1) {
    const listing = await listOwnScope(deps, provider, { ...input, ...rule })
    const later = await remoteIdsOfLaterRuns(
      deps.db,
      input,
      listing.map(({ id }) => id),
    )
    const { delete: doomed, keep, skipped } = planPrune(listing, rule.keep_last, input.remote_id, later)
    if (skipped === 'new_file_not_listed' && tries < LISTING_TRIES) {
      await Context.current().sleep(LISTING_PAUSE_MS * tries)
      continue
    }
    if (skipped !== null || doomed.length > 0) {
      await auditDestination(deps.db, input, skipped === null ? 'prune_planned' : 'prune_skipped', {
        keep_last: rule.keep_last,
        folder: input.folder,
        listed: listing.length,
        kept: keep.length,
        ...(skipped === null
          ? { delete: doomed.slice(0, MOST_A_PASS).map((file) => file.name) }
          : { reason: skipped }),
      })
    }
    return {
      delete: doomed.slice(0, MOST_A_PASS),
      kept: keep.length,
      skipped,
      has_more: doomed.length > MOST_A_PASS,
      retention: rule,
    }
  }
}

/** The whole folder, or nothing: any page that fails rejects. With scope `own` only files of our ledger. */
export async function listOwnScope(
  deps: ActivityDeps,
  provider: Provider,
  input: {
    readonly folder: string
    readonly account_id: string
    readonly retention_scope: RetentionScope
    readonly remote_id: string | null
  },
): Promise<ListedFile[]> {
  const signal = Context.current().cancellationSignal
  const folder = await provider.findFolder(input.folder, signal)
  if (folder === null) return []
  const listing: ListedFile[] = []
  for await (const page of provider.listFiles(folder, signal)) {
    const own =
      input.retention_scope === 'own'
        ? await ownRemoteIds(
            deps.db,
            input.account_id,
            page.map((file) => file.id),
          )
        : null
    for (const { id, name, size, uploaded_at, revision } of page) {
      // The run's own copy counts, also where it was there before this program came.
      if (own === null || own.has(id) || id === input.remote_id)
        listing.push({ id, name, size, uploaded_at, revision })
    }
  }
  return listing
}

async function prune(deps: ActivityDeps, input: PruneInput): Promise<PruneOutcome> {
  const context = Context.current()
  const { database } = await knownRun(deps, input.run_id)
  const { provider } = await deps.accounts.open(input.account_id)
  const deleted: string[] = []
  for (const [done, file] of input.files.entries()) {
    context.cancellationSignal.throwIfAborted()
    // Before every file: a pass may take half an hour, and whoever turns retention off means at once.
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
      const cause = causeOf(error)
      await auditDestination(deps.db, input, 'prune_failed', {
        remote_id: file.id,
        name: file.name,
        error: { code: cause.code, message: cause.message },
      })
      if (cause.code !== 'file_changed') return { deleted, error: statusErrorFrom(cause) }
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

async function withBeats<T>(step: () => Promise<T>): Promise<T> {
  const context = Context.current()
  const beats = setInterval(() => context.heartbeat(), 2_000)
  try {
    return await step()
  } finally {
    clearInterval(beats)
  }
}
