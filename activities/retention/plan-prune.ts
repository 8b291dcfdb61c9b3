// The first step of retention at a destination: a complete listing becomes a plan. What goes and what stays is decided by the
// pure planPrune of workflows/retention.

import { Context } from '@temporalio/activity'
import { remoteIdsOfLaterRuns } from '../../db/uploads/uploaded-files.ts'
import { PLAN_TRIES } from '../../workflows/activity-options.ts'
import { isRetryable } from '../../workflows/errors.ts'
import { type ListedFile, type PruneSkip, planPrune } from '../../workflows/retention/plan-prune.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, statusErrorFrom } from '../failures.ts'
import { knownRun } from '../runs/load-run.ts'
import { auditDestination } from '../uploads/upload-audit.ts'
import { whileBeating } from '../worker/heartbeats.ts'
import { listFilesInScope } from './list-files.ts'
import { type RetentionRule, retentionInForce } from './rule-in-force.ts'

export type RetentionAbout = {
  readonly run_id: string
  readonly instance: string
  readonly account_id: string
  readonly binding_id: string
  /** Where this run's file went. */
  readonly folder: string
}

type PlanInput = RetentionAbout & {
  /** The file that this run uploaded. */
  readonly remote_id: string
}

type RetentionPlan = {
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

type PlanPruneActivities = {
  /** By the binding as it is at this moment. */
  planRemotePrune(input: PlanInput): Promise<RetentionPlan>
}

const FILES_PER_PASS = 500
/** A listing may lag a little behind an upload; it is asked again before the prune is skipped for it. */
const LISTING_TRIES = 3
const LISTING_PAUSE_MS = 1_500

export function createPlanPruneActivities(deps: ActivityDeps): PlanPruneActivities {
  return {
    planRemotePrune: (input) =>
      whileBeating(() => plan(deps, input).catch((error) => notePlanFailure(deps, input, error))),
  }
}

/** Audited with the last try: retention that silently does not happen fills the drive. */
async function notePlanFailure(deps: ActivityDeps, input: PlanInput, error: unknown): Promise<never> {
  const context = Context.current()
  context.cancellationSignal.throwIfAborted()
  const cause = causeOf(error)
  if (!isRetryable(cause.code) || context.info.attempt >= PLAN_TRIES) {
    const { code, message } = statusErrorFrom(cause)
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
    const listing = await listFilesInScope(deps, provider, { ...input, ...rule })
    const later = await remoteIdsOfLaterRuns(
      deps.db,
      input,
      listing.map(({ id }) => id),
    )
    const { delete: surplus, keep, skipped } = planPrune(listing, rule.keep_last, input.remote_id, later)
    if (skipped === 'new_file_not_listed' && tries < LISTING_TRIES) {
      await Context.current().sleep(LISTING_PAUSE_MS * tries)
      continue
    }
    if (skipped !== null || surplus.length > 0) {
      await auditDestination(deps.db, input, skipped === null ? 'prune_planned' : 'prune_skipped', {
        keep_last: rule.keep_last,
        folder: input.folder,
        listed: listing.length,
        kept: keep.length,
        ...(skipped === null
          ? { delete: surplus.slice(0, FILES_PER_PASS).map((file) => file.name) }
          : { reason: skipped }),
      })
    }
    return {
      delete: surplus.slice(0, FILES_PER_PASS),
      kept: keep.length,
      skipped,
      has_more: surplus.length > FILES_PER_PASS,
      retention: rule,
    }
  }
}
