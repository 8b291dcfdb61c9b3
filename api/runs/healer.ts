// Repairs runs that would stay pending forever, and releases pins that nobody else releases. Repaired are runs whose start
// Temporal never received, because the API died or Temporal was away after the row was written, and runs whose workflow is gone,
// because it was terminated or the server's data was lost. The healer works when the API starts, soon after a start that failed,
// and once per minute. Several API processes may do so at once: a start is made under the lock of its row, a run is settled only
// if it is unchanged, and Temporal accepts one open workflow per run.

import type { Db } from '../../db/database.ts'
import type { Config } from '../../db/process/config.ts'
import type { Logger } from '../../db/process/log.ts'
import { settleLost } from '../../db/runs/ending.ts'
import { quietRuns, requestedStarts, requestRestart } from '../../db/runs/starts.ts'
import type { Run } from '../../db/schema.ts'
import { statusError } from '../../workflows/failures.ts'
import type { TemporalClient } from '../temporal/client.ts'
import { isAway, isRefusal, TemporalUnavailable } from '../temporal/failures.ts'
import { sweepOrphans, sweepPins } from './pin-sweep.ts'
import { startRequested } from './starter.ts'

export interface RunHealer {
  /** Works again soon, because a start has just failed. */
  wake(): void
  /** Resolves when the running round has ended. There is none after it. */
  stop(): Promise<void>
}

export type HealerTimes = {
  /** Between two rounds when all is well. */
  readonly everyMs: number
  /** Before a round that was asked for, and after a failed one. After each failure it doubles, up to `longestPauseMs`. */
  readonly firstPauseMs: number
  readonly longestPauseMs: number
  /** A run that works writes its progress more often than this. */
  readonly quietForMs: number
  /** Between two sweeps of the pins. */
  readonly pinsEveryMs: number
}

const TIMES: HealerTimes = {
  everyMs: 60_000,
  firstPauseMs: 1_000,
  longestPauseMs: 10_000,
  quietForMs: 120_000,
  pinsEveryMs: 3_600_000,
}

type HealerDeps = { readonly db: Db; readonly temporal: TemporalClient; readonly log: Logger }

/** The first round begins at once. */
export function startRunHealer(
  deps: HealerDeps & { readonly config: Pick<Config, 'taskQueue'> },
  times: HealerTimes = TIMES,
): RunHealer {
  const { log } = deps
  let timer: NodeJS.Timeout | null = null
  let plannedFor = 0
  let healing: Promise<void> | null = null
  let isWoken = false
  let pauseMs = times.firstPauseMs
  let pinsDueAt = 0
  let isStopped = false

  /** Plans a round, unless an earlier one is planned. Not called during a round. */
  function planIn(ms: number): void {
    const at = performance.now() + ms
    if (isStopped || (timer !== null && plannedFor <= at)) return
    if (timer !== null) clearTimeout(timer)
    plannedFor = at
    timer = setTimeout(() => {
      timer = null
      healing = healOnce().then((nextMs) => {
        healing = null
        planIn(isWoken ? times.firstPauseMs : nextMs)
        isWoken = false
      })
    }, ms)
  }

  /** Runs beside the rounds, because disks may be slow and hosts away. */
  function sweepBeside(): void {
    pinsDueAt = Number.POSITIVE_INFINITY
    sweepPins(deps)
      .then(() => sweepOrphans(deps))
      .then(() => {
        pinsDueAt = performance.now() + times.pinsEveryMs
      })
      .catch((err: unknown) => {
        pinsDueAt = 0
        if (!isStopped) log.warn({ err }, 'pins could not be swept; trying again')
      })
  }

  /** Resolves with the pause until the next round. */
  async function healOnce(): Promise<number> {
    try {
      await healRuns(deps, times)
      if (performance.now() >= pinsDueAt) sweepBeside()
      pauseMs = times.firstPauseMs
      return times.everyMs
    } catch (err) {
      log.warn({ err }, 'pending runs could not be checked; trying again')
      const nextMs = pauseMs
      pauseMs = Math.min(pauseMs * 2, times.longestPauseMs)
      return nextMs
    }
  }

  planIn(0)
  return {
    wake() {
      if (healing === null) planIn(times.firstPauseMs)
      else isWoken = true
    },
    async stop() {
      isStopped = true
      if (timer !== null) clearTimeout(timer)
      await healing
    },
  }
}

/**
 * One round over all runs. Throws when Temporal or the database is away; what was done until then stays. A run that Temporal
 * refuses is left as it is and does not stop the others.
 */
export async function healRuns(
  deps: HealerDeps,
  { quietForMs }: Pick<HealerTimes, 'quietForMs'>,
): Promise<void> {
  const { db, log } = deps
  let isThere = false
  for await (const run of requestedStarts(db)) {
    // A server that hangs would carry out the start when it recovers, even if the run has changed by then.
    if (!isThere) await refuseAway(deps)
    isThere = true
    await unlessRefused(deps, run, async () => {
      const outcome = await startRequested(deps, run)
      log.warn({ run_id: run.id, outcome }, 'a requested start was made, or found to be made')
    })
  }
  for await (const run of quietRuns(db, quietForMs)) {
    await unlessRefused(deps, run, () => settleIfLost(deps, run))
  }
}

/** Throws TemporalUnavailable when the server does not answer. One that answers with a refusal may still accept a start. */
async function refuseAway({ temporal }: HealerDeps): Promise<void> {
  try {
    await temporal.check()
  } catch (error) {
    if (isAway(error) || !(error instanceof TemporalUnavailable)) throw error
  }
}

async function unlessRefused({ log }: HealerDeps, run: Run, step: () => Promise<void>): Promise<void> {
  try {
    await step()
  } catch (error) {
    if (!isRefusal(error)) throw error
    log.error({ err: error, run_id: run.id }, 'Temporal refuses this run; it is tried again at each look')
  }
}

async function settleIfLost(deps: HealerDeps, run: Run): Promise<void> {
  const { db, temporal, log } = deps
  const state = await temporal.syncState(run.workflow_id)
  if (state.is === 'open') return
  if (state.is === 'unknown') {
    const restart = await requestRestart(db, run, null)
    if (restart === null) return
    log.warn(
      { run_id: run.id },
      'Temporal does not know the workflow of this run (any more): starting it again',
    )
    await startRequested(deps, restart)
    return
  }
  const error =
    state.failure === null
      ? statusError('internal_error', 'The sync ended without an outcome.')
      : statusError(state.failure.code, state.failure.fact, state.failure.advice)
  // Null: the run was only slow, and was settled in the meantime.
  const outcome = await settleLost(db, run, error)
  if (outcome !== null) {
    log.warn({ run_id: run.id, outcome, error }, 'the workflow of this run ended without saying so')
  }
}
