// What can be done to a run: uploading it again, cancelling it, and ending a wait.

import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { appendAudit } from '../../db/audit.ts'
import { listBindings } from '../../db/instances/bindings.ts'
import { cancelRequestedStart } from '../../db/runs/ending.ts'
import type { KeptArchive } from '../../db/runs/kept-archives.ts'
import { requestRestart } from '../../db/runs/starts.ts'
import type { Run } from '../../db/schema.ts'
import { statusError } from '../../workflows/failures.ts'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import { dropLink, inspectArchive } from '../archives/inspect-archive.ts'
import type { AppDeps } from '../context.ts'
import { invalidField, Problem } from '../http/problem.ts'
import { noteOrDrop } from '../runs/accept-run.ts'
import { knownRun } from '../runs/known-run.ts'
import { runResource } from '../runs/resource.ts'
import { endWaits } from '../runs/retry-now.ts'
import { reuploadSchema, runIdParam, runSchema } from '../schemas/runs.ts'
import { json, problems } from '../schemas/shared.ts'
import { isAway } from '../temporal/failures.ts'
import { audited } from './audited.ts'
import { startOrExplain } from './runs.ts'

const tags = ['Runs']
const CLOSING_MS = 3_000

const reupload = createRoute({
  method: 'post',
  path: '/api/runs/{id}/reupload',
  operationId: 'reuploadRun',
  summary: 'Sync a run again',
  description: 'An upload session that still lives at the provider is continued. No new backup is made.',
  tags,
  ...needs('runs:write'),
  request: {
    params: runIdParam,
    body: { description: 'Which destinations', content: { 'application/json': { schema: reuploadSchema } } },
  },
  responses: { 202: json(runSchema, 'Accepted'), ...problems(400, 404, 409, 410, 413, 415, 422) },
})

const cancel = createRoute({
  method: 'post',
  path: '/api/runs/{id}/cancel',
  operationId: 'cancelRun',
  summary: 'Cancel the open sync of a run',
  description:
    'Sessions at the providers are given up, and nothing half-written is left. What is uploaded stays.',
  tags,
  ...needs('runs:write'),
  request: { params: runIdParam },
  responses: { 202: json(runSchema, 'The request is stored'), ...problems(404, 409) },
})

const retryNow = createRoute({
  method: 'post',
  path: '/api/runs/{id}/retry-now',
  operationId: 'retryRunNow',
  summary: 'End the wait for the next attempt',
  description:
    'For destinations that wait for their next attempt; those that are sending go on undisturbed. A pause that the ' +
    'provider asked for, or that a daily limit caused, ends for the whole account. 409 says why when nothing waits.',
  tags,
  ...needs('runs:write'),
  request: { params: runIdParam },
  responses: { 202: json(runSchema, 'The waits have ended'), ...problems(404, 409) },
})

export function runActionRoutes(deps: AppDeps) {
  const { db, temporal } = deps
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(reupload, async (c) => {
    const { id } = c.req.valid('param')
    const principal = c.get('principal')
    const run = await knownRun(db, id)
    const accountIds = await chosenAccounts(deps, run, c.req.valid('json').account_ids ?? null)
    // A run that is settled in the database closes its workflow within a moment.
    const closingWithinMs = run.cloud_status === 'pending' ? 0 : CLOSING_MS
    const { is } = await temporal.syncState(run.workflow_id, { closingWithinMs })
    if (run.start_requested_at !== null || is === 'open') throw syncOpen()
    const kept = await keepOrRefuse(deps, run)
    const pending = await audited(db, principal, async (trx, note) => {
      const restart = await requestRestart(trx, run, accountIds)
      if (restart === null) return null
      await note({ event: 'reupload_requested', ...named(run), details: { account_ids: accountIds } })
      return restart
    })
    if (pending === null) {
      await dropLink(deps, run, kept)
      throw syncOpen()
    }
    const requested = kept === null ? pending : await noteOrDrop(deps, pending, kept, principal.actor)
    if ((await startOrExplain(deps, requested)) === 'already_open') throw syncOpen()
    return c.json(runResource(await knownRun(db, id)), 202)
  })

  app.openapi(cancel, async (c) => {
    const { id } = c.req.valid('param')
    const { actor } = c.get('principal')
    const run = await knownRun(db, id)
    if (!(await cancelSync(deps, run, actor))) throw new Problem(409, 'No sync of this run is open.')
    return c.json(runResource(await knownRun(db, id)), 202)
  })

  app.openapi(retryNow, async (c) => {
    const { id } = c.req.valid('param')
    const { actor } = c.get('principal')
    const run = await knownRun(db, id)
    await endWaits(deps, run, actor)
    return c.json(runResource(await knownRun(db, id)), 202)
  })

  return app
}

function named(run: Run) {
  return { instance_slug: run.instance_slug, run_id: run.id }
}

function syncOpen(): Problem {
  return new Problem(409, 'A sync of this run is still open: wait for it, or cancel it.', {
    code: 'sync_open',
  })
}

/** The given accounts, or the failed and cancelled ones; null means all. Throws a 422 for one that is not bound. */
async function chosenAccounts(
  { db }: AppDeps,
  run: Run,
  given: readonly string[] | null,
): Promise<readonly string[] | null> {
  const bindings = await listBindings(db, run.instance_slug, { enabledOnly: true })
  const bound = new Set(bindings.map((binding) => binding.account_id))
  const unbound = given?.find((id) => !bound.has(id))
  if (unbound !== undefined) {
    throw invalidField(
      'account_ids',
      `"${unbound}" is not bound to this instance, or disabled`,
      'unknown_account',
    )
  }
  if (given !== null) return given
  const lacking = Object.entries(run.cloud_sync_status)
    .filter(([id, { status }]) => bound.has(id) && (status === 'failed' || status === 'cancelled'))
    .map(([id]) => id)
  return lacking.length > 0 ? lacking : null
}

/** Pins the archive again where an earlier pin was released. Throws a 410 when the archive is gone. */
async function keepOrRefuse(deps: AppDeps, run: Run): Promise<KeptArchive | null> {
  const { archive, archive_task_queue, id } = run
  const question = { archive, archive_task_queue, run_id: id, keep: true }
  const { fault, kept } = await inspectArchive(deps, question)
  if (fault === null) return kept
  if (fault.code === 'archive_missing') {
    throw new Problem(410, fault.message, {
      code: fault.code,
      errors: [{ path: 'archive', message: fault.message }],
    })
  }
  throw invalidField('archive', fault.message, fault.code)
}

/**
 * False when there is nothing to cancel. A run that Temporal never received is cancelled without Temporal. A run that it may
 * have received is not cancelled while Temporal is away, because its workflow would go on.
 */
async function cancelSync(deps: AppDeps, run: Run, actor: string): Promise<boolean> {
  const { db, temporal } = deps
  if (run.cloud_status !== 'pending') return false
  const cancelled = await temporal.cancelSync(run.workflow_id).catch((error: unknown) => {
    if (run.start_requested_at === null || !isAway(error)) throw error
    return false
  })
  if (!cancelled && run.start_requested_at !== null) {
    const error = statusError('cancelled', 'The run was cancelled before it began.')
    if (await cancelRequestedStart(db, run, { actor, error })) return true
  }
  // A requested start that could not be dropped was made in the meantime.
  const isCancelled =
    cancelled || (run.start_requested_at !== null && (await temporal.cancelSync(run.workflow_id)))
  if (isCancelled) await appendAudit(db, { actor, event: 'cancel_requested', ...named(run) })
  return isCancelled
}
