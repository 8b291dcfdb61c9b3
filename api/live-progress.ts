// The live side of open runs: how far each destination is, how fast, and when it is tried again. Position, attempt and
// next attempt come from Temporal; when it does not answer, the database's own (a few seconds older) stand in, and
// `source` says so.

import { type AttemptProgress, listAttemptProgress } from '../db/run-progress.ts'
import type { Run } from '../db/schema.ts'
import type { DestinationState } from '../workflows/types.ts'
import { bindingWorkflowId } from '../workflows/workflow-ids.ts'
import type { AppDeps } from './app-context.ts'
import type { PendingUpload } from './pending-upload.ts'
import { TemporalUnavailable } from './temporal-client.ts'

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
  readonly source: 'temporal' | 'database'
  /** Keyed by account ID: the destinations that are not settled. */
  readonly destinations: Readonly<Record<string, LiveDestination>>
}

/** A page full of open runs must not become a thousand questions. */
const MOST_QUESTIONS = 150

type LiveDeps = Pick<AppDeps, 'db' | 'temporal' | 'log'>

/** Of the runs that are open, by run ID. */
export async function liveProgress(deps: LiveDeps, runs: readonly Run[]): Promise<ReadonlyMap<string, Live>> {
  const open = runs.filter((run) => run.cloud_status === 'pending')
  if (open.length === 0) return new Map()
  const rates = await listAttemptProgress(
    deps.db,
    open.map((run) => run.id),
  )
  const owed = open.flatMap((run) =>
    Object.entries(run.cloud_sync_status)
      .filter(([, { finished_at }]) => finished_at === null)
      .map(([accountId, state]) => ({ run, accountId, state })),
  )
  const pending = await askTemporal(deps, owed.slice(0, MOST_QUESTIONS))
  const isAnswered = pending !== null && owed.length <= MOST_QUESTIONS
  const source = isAnswered ? 'temporal' : 'database'
  const shown = owed.map(({ run, accountId, state }, index) => {
    const rate = rates.find(({ run_id, account_id }) => run_id === run.id && account_id === accountId)
    const live = liveDestination(state, isAnswered ? (pending[index] ?? null) : null, rate)
    return { runId: run.id, accountId, live }
  })
  return new Map(
    open.map(({ id }) => {
      const own = shown.filter(({ runId }) => runId === id).map(({ accountId, live }) => [accountId, live])
      return [id, { source, destinations: Object.fromEntries(own) }]
    }),
  )
}

type Question = { readonly run: Run; readonly accountId: string }

/** Null when Temporal does not answer. */
async function askTemporal(
  { temporal, log }: LiveDeps,
  questions: readonly Question[],
): Promise<readonly (PendingUpload | null)[] | null> {
  try {
    return await Promise.all(
      questions.map(({ run, accountId }) =>
        temporal.pendingUpload(bindingWorkflowId(run.instance_slug, run.id, accountId)),
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
  upload: PendingUpload | null,
  rate: AttemptProgress | undefined,
): LiveDestination {
  const bytesSent = Math.max(upload?.bytes_sent ?? 0, state.bytes_sent)
  const isSending = state.status === 'uploading' && upload?.state !== 'waiting'
  const bytesPerSecond = rate === undefined || !isSending ? null : ratePerSecond(rate)
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

function ratePerSecond({ attempt_bytes, attempt_started_at }: AttemptProgress): number | null {
  const seconds = (Date.now() - Date.parse(attempt_started_at)) / 1000
  return seconds < 1 ? null : Math.round(attempt_bytes / seconds)
}
