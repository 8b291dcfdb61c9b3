// /api/runs: starting a run, and the history of runs.

import { createHash } from 'node:crypto'
import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { DbConflict } from '../../db/conflict.ts'
import { newId } from '../../db/database.ts'
import { listRuns } from '../../db/runs/history.ts'
import { getRun } from '../../db/runs/runs.ts'
import type { Run } from '../../db/schema.ts'
import { listAttempts } from '../../db/uploads/attempts.ts'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import type { AppDeps } from '../context.ts'
import { Problem } from '../http/problem.ts'
import { acceptRun } from '../runs/accept-run.ts'
import { knownRun } from '../runs/known-run.ts'
import { liveProgress } from '../runs/live-progress.ts'
import { waitForPin } from '../runs/pin-wait.ts'
import { runResource } from '../runs/resource.ts'
import { type StartOutcome, startRequested } from '../runs/starter.ts'
import {
  idempotencyHeader,
  listedRunSchema,
  newRunSchema,
  pinWaitQuery,
  runDetailSchema,
  runIdParam,
  runQuery,
  runSchema,
} from '../schemas/runs.ts'
import { created, DEFAULT_PAGE_SIZE, json, jsonBody, pageOf, problems } from '../schemas/shared.ts'
import { isAway, TemporalUnavailable } from '../temporal/failures.ts'

const tags = ['Runs']

const start = createRoute({
  method: 'post',
  path: '/api/runs',
  operationId: 'startRun',
  summary: 'Upload a finished backup to every destination of its instance',
  description:
    'The same run_id, or the same Idempotency-Key, gives the same run and no second upload; with another archive, or another value of a field that is given, it is a 409. ' +
    'A 503 with a run_id means that the run is recorded and starts by itself when Temporal is back. ' +
    'Where pin is linked, in either answer, the file may be deleted or moved; where it is original, or null because nobody ' +
    'could see the archive yet, it has to stay until the run says otherwise.',
  tags,
  ...needs('runs:write'),
  request: {
    headers: idempotencyHeader,
    query: pinWaitQuery,
    body: jsonBody(newRunSchema, 'The finished backup'),
  },
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
  request: { params: runIdParam, query: pinWaitQuery },
  responses: { 200: json(runDetailSchema, 'The run'), ...problems(404, 422) },
})

export function runRoutes(deps: AppDeps) {
  const { db } = deps
  const app = new OpenAPIHono<AppEnv>()

  /** With ?wait=pinned the answer waits until the archive is pinned. */
  async function waitedFor(c: Context<AppEnv, string, WaitInput>, run: Run): Promise<Run> {
    const { wait, wait_seconds: seconds } = c.req.valid('query')
    return wait === undefined ? run : waitForPin(deps, run, { seconds, signal: c.req.raw.signal })
  }

  app.openapi(start, async (c) => {
    const body = c.req.valid('json')
    const { actor } = c.get('principal')
    const key = c.req.valid('header')['idempotency-key']
    const id = body.run_id ?? (key === undefined ? newId() : runIdOfKey(actor, key))
    const seen = await getRun(db, id)
    const isRequested = seen === null || seen.start_requested_at !== null
    // Asked first and only once, so that no later step waits for a server that is away, or does so with a locked row.
    const away = isRequested ? await askWhetherAway(deps) : null
    const canAsk = away === null
    const accepted = await acceptRun(deps, { id, seen, actor, body, canAsk }).catch((error: unknown) => {
      throw body.run_id == null && key !== undefined ? inWordsOfKey(error) : error
    })
    if (away !== null && accepted.start_requested_at !== null) throw startIsRequested(deps, accepted, away)
    await startOrExplain(deps, accepted)
    const run = await waitedFor(c, (await getRun(db, id)) ?? accepted)
    return c.json(runResource(run), 202, { location: `/api/runs/${encodeURIComponent(id)}` })
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
    const run = await waitedFor(c, await knownRun(db, id))
    const [attempts, progress] = await Promise.all([listAttempts(db, id), liveProgress(deps, [run])])
    const shown = attempts.map(({ id: _id, run_id: _run, ...attempt }) => attempt)
    return c.json({ ...runResource(run), live: progress.get(id) ?? null, attempts: shown }, 200)
  })

  return app
}

/** The input of a handler whose route has `pinWaitQuery`. */
type WaitInput = { out: { query: z.output<typeof pinWaitQuery> } }

/** A caller and a key always give the same run ID, so no table of keys is needed, and no key expires. */
function runIdOfKey(actor: string, key: string): string {
  return `key-${createHash('sha256').update(`${actor}\0${key}`).digest('hex').slice(0, 32)}`
}

/** A caller that sent no run_id would not understand a message about one: it names the key instead. */
function inWordsOfKey(error: unknown): unknown {
  if (!(error instanceof DbConflict) || error.kind !== 'run_id_conflict') return error
  const field = error.field === 'run_id' ? 'Idempotency-Key' : error.field
  const message = error.message.replace(/^(This run_id|The run of this ID)/, (words) =>
    words === 'This run_id' ? 'This Idempotency-Key' : 'The run of this Idempotency-Key',
  )
  return new DbConflict(error.kind, field, message)
}

/** Null when Temporal answers. */
async function askWhetherAway({ temporal }: AppDeps): Promise<TemporalUnavailable | null> {
  try {
    await temporal.check()
    return null
  } catch (error) {
    // A server that answers with a refusal may still accept a start.
    if (error instanceof TemporalUnavailable) return isAway(error) ? error : null
    throw error
  }
}

/** Throws a 503 with the run's ID when Temporal is away. The run is recorded then, and the healer makes its start later. */
export async function startOrExplain(deps: AppDeps, run: Run): Promise<StartOutcome> {
  try {
    return await startRequested(deps, run)
  } catch (error) {
    throw error instanceof TemporalUnavailable ? startIsRequested(deps, run, error) : error
  }
}

function startIsRequested({ log, healer }: AppDeps, run: Run, error: TemporalUnavailable): Problem {
  log.warn({ err: error, run_id: run.id }, 'Temporal does not answer: the start stays requested')
  healer.wake()
  return new Problem(
    503,
    `Temporal does not answer at the moment. The run is recorded and starts by itself; asking again with its run_id is safe. ${
      run.pin === 'linked'
        ? 'The archive is kept: the file may go.'
        : 'Keep the file: it is not kept otherwise.'
    }`,
    { headers: { 'retry-after': '5' }, runId: run.id, pin: run.pin },
  )
}
