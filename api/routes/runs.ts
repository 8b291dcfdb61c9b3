// /api/runs: starting a run, and the history of runs.

import { createHash } from 'node:crypto'
import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import { listAttempts } from '../../db/attempts.ts'
import { appendAudit } from '../../db/audit.ts'
import { listBindings } from '../../db/bindings.ts'
import { DbConflict } from '../../db/conflict.ts'
import { newId } from '../../db/database.ts'
import { getInstance } from '../../db/instances.ts'
import { recordRunToStart } from '../../db/run-starts.ts'
import { getRun, listRuns } from '../../db/runs.ts'
import type { Run } from '../../db/schema.ts'
import { runWorkflowId } from '../../workflows/workflow-ids.ts'
import type { AppDeps, AppEnv } from '../app-context.ts'
import { inspectArchive } from '../archive-inspection.ts'
import { liveProgress } from '../live-progress.ts'
import { needs } from '../permissions.ts'
import { invalidField, notFound, Problem } from '../problem.ts'
import { runResource } from '../run-resource.ts'
import { type StartOutcome, startOwed } from '../run-starter.ts'
import {
  idempotencyHeader,
  listedRunSchema,
  newRunSchema,
  runDetailSchema,
  runIdParam,
  runQuery,
  runSchema,
} from '../schemas/runs.ts'
import { created, DEFAULT_PAGE_SIZE, json, jsonBody, pageOf, problems } from '../schemas/shared.ts'
import { isAway, TemporalUnavailable } from '../temporal-client.ts'

const tags = ['Runs']

const start = createRoute({
  method: 'post',
  path: '/api/runs',
  operationId: 'startRun',
  summary: 'Upload a finished backup to every destination of its instance',
  description:
    'The same run_id, or the same Idempotency-Key, gives the same run and no second upload; with another archive, or another value of a field that is given, it is a 409. ' +
    'A 503 with a run_id means that the run is recorded and starts by itself when Temporal is back.',
  tags,
  ...needs('runs:write'),
  request: { headers: idempotencyHeader, body: jsonBody(newRunSchema, 'The finished backup') },
  responses: {
    202: created(runSchema, 'Accepted; Location names the run'),
    ...problems(400, 409, 413, 415, 422),
  },
})

const list = createRoute({
  method: 'get',
  path: '/api/runs',
  operationId: 'listRuns',
  summary: 'Run history, newest first',
  tags,
  ...needs('read'),
  request: { query: runQuery },
  responses: { 200: json(pageOf(listedRunSchema, 'RunPage'), 'A page of runs'), ...problems(422) },
})

const read = createRoute({
  method: 'get',
  path: '/api/runs/{id}',
  operationId: 'getRun',
  summary: 'One run with its attempts',
  tags,
  ...needs('read'),
  request: { params: runIdParam },
  responses: { 200: json(runDetailSchema, 'The run'), ...problems(404) },
})

export function runRoutes(deps: AppDeps) {
  const { db } = deps
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(start, async (c) => {
    const body = c.req.valid('json')
    const { actor } = c.get('principal')
    const key = c.req.valid('header')['idempotency-key']
    const id = body.run_id ?? (key === undefined ? newId() : runIdOfKey(actor, key))
    const seen = await getRun(db, id)
    const isOwed = seen === null || seen.start_requested_at !== null
    // Asked first and once: a server that is away is waited for neither by each step nor with a row of the database locked.
    const away = isOwed ? await askWhetherAway(deps) : null
    if (seen === null) await refuseBadReferences(deps, body, { isArchiveSeen: away === null })
    const run = await recordOnce(deps, actor, id, body).catch((error: unknown) => {
      throw body.run_id == null && key !== undefined ? inWordsOfKey(error) : error
    })
    if (away !== null && run.start_requested_at !== null) throw startIsOwed(deps, run, away)
    await startOrExplain(deps, run)
    return c.json(runResource((await getRun(db, id)) ?? run), 202, {
      location: `/api/runs/${encodeURIComponent(id)}`,
    })
  })

  app.openapi(list, async (c) => {
    const { limit = DEFAULT_PAGE_SIZE, account, live, q, ...filter } = c.req.valid('query')
    const page = await listRuns(db, { limit, account_id: account, search: q, ...filter })
    const { next_cursor } = page
    if (live !== 'true') return c.json({ items: page.items.map(runResource), next_cursor }, 200)
    const progress = await liveProgress(deps, page.items)
    const items = page.items.map((run) => ({ ...runResource(run), live: progress.get(run.id) ?? null }))
    return c.json({ items, next_cursor }, 200)
  })

  app.openapi(read, async (c) => {
    const { id } = c.req.valid('param')
    const run = await getRun(db, id)
    if (run === null) throw notFound('run')
    const [attempts, progress] = await Promise.all([listAttempts(db, id), liveProgress(deps, [run])])
    const shown = attempts.map(({ id: _id, run_id: _run, ...attempt }) => attempt)
    return c.json({ ...runResource(run), live: progress.get(id) ?? null, attempts: shown }, 200)
  })

  return app
}

/** One key of one caller names one run: no table of keys is needed, and none can expire. */
function runIdOfKey(actor: string, key: string): string {
  return `key-${createHash('sha256').update(`${actor}\0${key}`).digest('hex').slice(0, 32)}`
}

/** Who sent no run_id cannot make anything of one: the key is what was used before. */
function inWordsOfKey(error: unknown): unknown {
  if (!(error instanceof DbConflict) || error.kind !== 'run_id_conflict') return error
  const field = error.field === 'run_id' ? 'Idempotency-Key' : error.field
  const message = error.message.replace(/^(This run_id|The run of this ID)/, (words) =>
    words === 'This run_id' ? 'This Idempotency-Key' : 'The run of this Idempotency-Key',
  )
  return new DbConflict(error.kind, field, message)
}

async function recordOnce(
  deps: AppDeps,
  actor: string,
  id: string,
  body: z.output<typeof newRunSchema>,
): Promise<Run> {
  const { instance, archive, database, finished_at, archive_task_queue, account_ids } = body
  return deps.db.transaction().execute(async (trx) => {
    const { run, created } = await recordRunToStart(trx, {
      id,
      instance_slug: instance,
      archive,
      workflow_id: runWorkflowId(instance, id),
      backup_root: deps.config.backupRoot,
      database,
      finished_at,
      archive_task_queue,
      account_ids,
    })
    if (created) {
      const entry = { instance_slug: instance, run_id: id, details: { archive } }
      await appendAudit(trx, { actor, event: 'run_recorded', ...entry })
    }
    return run
  })
}

/** Throws a 422 for an instance, account or archive that is not there; without Temporal nobody can see the archive. */
async function refuseBadReferences(
  deps: AppDeps,
  body: z.output<typeof newRunSchema>,
  { isArchiveSeen }: { readonly isArchiveSeen: boolean },
): Promise<void> {
  const { instance, archive, archive_task_queue = null, account_ids } = body
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
  const fault = isArchiveSeen ? await inspectArchive(deps, { archive, archive_task_queue }) : null
  if (fault !== null) throw invalidField('archive', fault.message, fault.code)
}

/** Null when Temporal answers. */
async function askWhetherAway({ temporal }: AppDeps): Promise<TemporalUnavailable | null> {
  try {
    await temporal.check()
    return null
  } catch (error) {
    // One that answers, and would not tell, may still take a start.
    if (error instanceof TemporalUnavailable) return isAway(error) ? error : null
    throw error
  }
}

/** 503 with the run's ID when Temporal is away: the run is recorded, its start stays owed, and is looked after. */
export async function startOrExplain(deps: AppDeps, run: Run): Promise<StartOutcome> {
  try {
    return await startOwed(deps, run)
  } catch (error) {
    throw error instanceof TemporalUnavailable ? startIsOwed(deps, run, error) : error
  }
}

function startIsOwed({ log, healer }: AppDeps, run: Run, error: TemporalUnavailable): Problem {
  log.warn({ err: error, run_id: run.id }, 'Temporal does not answer: the start stays owed')
  healer.wake()
  return new Problem(
    503,
    'Temporal does not answer at the moment. The run is recorded and starts by itself; asking again with its run_id is safe.',
    { headers: { 'retry-after': '5' }, runId: run.id },
  )
}
