// The live state of open runs: how far each destination is, how fast, and when it is tried again. State and next attempt come
// from Temporal, or from the database when Temporal is away (a few seconds older); `source` says which. The position comes from
// the database, where the upload saves it every second, because heartbeats reach Temporal later.

import type { Db } from '../../db/database.ts'
import type { Logger } from '../../db/process/log.ts'
import type { Run } from '../../db/schema.ts'
import { type AttemptProgress, listAttemptProgress } from '../../db/uploads/progress.ts'
import type { DestinationState } from '../../workflows/types.ts'
import { bindingWorkflowId } from '../../workflows/workflow-ids.ts'
import type { TemporalClient } from '../temporal/client.ts'
import { TemporalUnavailable } from '../temporal/failures.ts'
import type { PendingActivity } from '../temporal/pending-activity.ts'
import { createRateMemory, type RateMemory } from './recent-rate.ts'

export type LiveDestination = {
  readonly bytes_sent: number
  readonly bytes_per_second: number | null
  readonly eta_seconds: number | null
  readonly attempt: number
  readonly state: 'running' | 'waiting' | 'cancelling'
  readonly next_attempt_at: string | null
  readonly last_error: string | null
}

export type Live = {
  /** `temporal` when Temporal answered for every destination. */
  readonly source: 'temporal' | 'database'
  /** The destinations that are not settled, by account ID. */
  readonly destinations: Readonly<Record<string, LiveDestination>>
}

/** Limits the questions to Temporal for one page of open runs. */
const MOST_QUESTIONS = 150

type LiveDeps = {
  readonly db: Db
  readonly temporal: Pick<TemporalClient, 'pendingActivity'>
  readonly log: Logger
}

/** For the open runs, by run ID. */
export async function liveProgress(deps: LiveDeps, runs: readonly Run[]): Promise<ReadonlyMap<string, Live>> {
  const open = runs.filter((run) => run.cloud_status === 'pending')
  if (open.length === 0) return new Map()
  const rates = await listAttemptProgress(
    deps.db,
    open.map((run) => run.id),
  )
  const unsettled = open.flatMap((run) =>
    Object.entries(run.cloud_sync_status)
      .filter(([, { finished_at }]) => finished_at === null)
      .map(([accountId, state]) => ({ run, accountId, state })),
  )
  const pending = await askTemporal(deps, unsettled.slice(0, MOST_QUESTIONS))
  const memory = memoryOf(deps.db)
  // Beyond the limit, runs show what the database knows.
  const unasked = new Set(
    (pending === null ? unsettled : unsettled.slice(MOST_QUESTIONS)).map(({ run }) => run.id),
  )
  const shown = unsettled.map(({ run, accountId, state }, index) => {
    const rate = rates.find(({ run_id, account_id }) => run_id === run.id && account_id === accountId)
    const window = windowOf(memory, `${run.id}/${accountId}`)
    const live = liveDestination(state, pending?.[index] ?? null, rate, window)
    return { runId: run.id, accountId, live }
  })
  return new Map(
    open.map(({ id }) => {
      const own = shown.filter(({ runId }) => runId === id).map(({ accountId, live }) => [accountId, live])
      const source = unasked.has(id) ? 'database' : 'temporal'
      return [id, { source, destinations: Object.fromEntries(own) }]
    }),
  )
}

type Question = { readonly run: Run; readonly accountId: string }

/** Null when Temporal does not answer. */
async function askTemporal(
  { temporal, log }: LiveDeps,
  questions: readonly Question[],
): Promise<readonly (PendingActivity | null)[] | null> {
  try {
    return await Promise.all(
      questions.map(({ run, accountId }) =>
        temporal.pendingActivity(bindingWorkflowId(run.instance_slug, run.id, accountId)),
      ),
    )
  } catch (err) {
    if (!(err instanceof TemporalUnavailable)) throw err
    log.warn({ err }, 'Temporal does not answer: progress is shown from the database')
    return null
  }
}

function liveDestination(
  state: DestinationState,
  upload: PendingActivity | null,
  progress: AttemptProgress | undefined,
  window: RateWindow,
): LiveDestination {
  const isSending = state.status === 'uploading' && upload?.state !== 'waiting'
  // What the provider refused does not count. What was being sent when the connection broke is uncertain, so it counts until the
  // provider is asked again.
  const isProving = upload !== null && upload.activity === 'verifyUpload'
  const isKnown = progress !== undefined && !progress.is_unsettled && !isSending && !isProving
  const bytesSent = isKnown ? progress.stored_bytes : state.bytes_sent
  const bytesPerSecond = isSending ? rateOf(bytesSent, progress, window) : null
  if (!isSending) window.drop()
  return {
    bytes_sent: bytesSent,
    bytes_per_second: bytesPerSecond,
    eta_seconds:
      bytesPerSecond === null || bytesPerSecond === 0 || state.size === null
        ? null
        : Math.ceil(Math.max(state.size - bytesSent, 0) / bytesPerSecond),
    attempt: Math.max(state.attempt, 1),
    state: upload?.state ?? (isSending ? 'running' : 'waiting'),
    next_attempt_at: upload?.next_attempt_at ?? null,
    last_error: state.error?.message ?? upload?.last_error ?? null,
  }
}

type RateWindow = { note(bytes: number): number | null; drop(): void }

/** The rate of the last half minute if there are samples of it, otherwise the attempt's average, without bytes that were lost. */
function rateOf(position: number, progress: AttemptProgress | undefined, window: RateWindow): number | null {
  const now = window.note(position)
  if (now !== null) return now
  const seconds = progress?.attempt_seconds ?? null
  if (progress === undefined || seconds === null) return null
  return seconds < 1 ? null : Math.round(Math.min(progress.attempt_bytes, position) / seconds)
}

/** One memory per database, which all pages and streams of this process share. */
const memories = new WeakMap<Db, RateMemory>()

function memoryOf(db: Db): RateMemory {
  const memory = memories.get(db) ?? createRateMemory()
  memories.set(db, memory)
  return memory
}

function windowOf(memory: RateMemory, key: string): RateWindow {
  return {
    note: (bytes) => memory.note(key, { at_ms: Date.now(), bytes }),
    drop: () => memory.drop(key),
  }
}
