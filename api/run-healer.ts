// Looks after runs that nobody else does: those whose start Temporal never got (the API died, or Temporal was away,
// between the row and the start), and those whose workflow is gone while the database still waits for it (terminated
// by an operator, or lost with the server's data). Runs at the start of the API, after a start that failed, and once
// a minute; any number of API processes may do it at once, since Temporal takes one execution of a run only.

import { appendAudit } from '../db/audit.ts'
import { listOwedStarts, listQuietRuns, requestRestart } from '../db/run-starts.ts'
import { finishSync, getRun, saveDestination } from '../db/runs.ts'
import type { Run } from '../db/schema.ts'
import { statusError } from '../workflows/failures.ts'
import type { AppDeps } from './app-context.ts'
import { startOwed } from './run-starter.ts'

export interface RunHealer {
  /** Looks again soon: a start has just failed. */
  wake(): void
  stop(): Promise<void>
}

export type HealerTimes = {
  /** Between two looks when all is well. */
  readonly everyMs: number
  /** The first pause after a failure; doubles up to `everyMs`. */
  readonly firstPauseMs: number
  /** A start that is younger is on its way. */
  readonly owedForMs: number
  /** An open run writes its progress more often than this. */
  readonly quietForMs: number
}

const TIMES: HealerTimes = { everyMs: 60_000, firstPauseMs: 1_000, owedForMs: 10_000, quietForMs: 120_000 }

type HealerDeps = Pick<AppDeps, 'db' | 'temporal' | 'log'>

export function startRunHealer(deps: HealerDeps, times: HealerTimes = TIMES): RunHealer {
  const { log } = deps
  let timer: NodeJS.Timeout | null = null
  let working: Promise<void> = Promise.resolve()
  let pauseMs = times.firstPauseMs
  let isStopped = false

  function lookIn(ms: number): void {
    if (isStopped) return
    if (timer !== null) clearTimeout(timer)
    timer = setTimeout(() => {
      timer = null
      working = look()
    }, ms)
  }

  async function look(): Promise<void> {
    try {
      await healRuns(deps, times)
      pauseMs = times.firstPauseMs
      lookIn(times.everyMs)
    } catch (err) {
      log.warn({ err }, 'runs could not be looked after; trying again')
      lookIn(pauseMs)
      pauseMs = Math.min(pauseMs * 2, times.everyMs)
    }
  }

  lookIn(0)
  return {
    wake: () => lookIn(Math.min(pauseMs, times.owedForMs)),
    async stop() {
      isStopped = true
      if (timer !== null) clearTimeout(timer)
      await working
    },
  }
}

/** One look at everything. Throws when Temporal or the database is away; what was done until then stays done. */
export async function healRuns(
  deps: HealerDeps,
  { owedForMs, quietForMs }: Pick<HealerTimes, 'owedForMs' | 'quietForMs'>,
): Promise<void> {
  const { db, log } = deps
  for (const run of await listOwedStarts(db, owedForMs)) {
    const outcome = await startOwed(deps, run)
    log.warn({ run_id: run.id, outcome }, 'a start that was owed to Temporal has been looked after')
  }
  for (const run of await listQuietRuns(db, quietForMs)) await settleIfLost(deps, run)
}

async function settleIfLost(deps: HealerDeps, run: Run): Promise<void> {
  const { db, temporal, log } = deps
  const state = await temporal.syncState(run.workflow_id)
  if (state.is === 'unknown') {
    const wish = await requestRestart(db, run, null)
    if (wish === null) return
    log.warn(
      { run_id: run.id },
      'Temporal does not know the workflow of this run (any more): starting it again',
    )
    await startOwed(deps, wish)
  }
  if (state.is !== 'closed') return
  // Settled while we asked: then it was only slow.
  if ((await getRun(db, run.id))?.updated_at !== run.updated_at) return
  const { code, message } = state.failure ?? {
    code: 'internal_error' as const,
    message: 'The sync ended without an outcome.',
  }
  const error = statusError(code, message)
  log.warn({ run_id: run.id, error }, 'the workflow of this run ended without saying so')
  const status = code === 'cancelled' ? 'cancelled' : 'failed'
  for (const [accountId, destination] of Object.entries(run.cloud_sync_status)) {
    if (destination.finished_at !== null) continue
    const finished_at = new Date().toISOString()
    await saveDestination(db, run.id, accountId, { status, error, finished_at })
  }
  await finishSync(db, run.id, 'failed', error)
  const details = { cloud_status: 'failed', error }
  await appendAudit(db, {
    actor: 'system',
    event: 'sync_finished',
    instance_slug: run.instance_slug,
    run_id: run.id,
    details,
  })
}
