// What a destination tells the workflow of its run, whose query answers for all destinations. The parent's history must last for
// as long as the slowest upload: it never continues as new, because that would cancel its children. So each change that is
// passed on makes the pause before the next one a tenth longer: a year of an unsteady connection is some hundred signals. The
// latest state is always passed on in the end, and a settled one at once.

import { CancellationScope, getExternalWorkflowHandle, log, sleep, workflowInfo } from '@temporalio/workflow'
import { statusErrorOf } from '../failures.ts'
import { destinationChangedSignal } from '../messages.ts'
import type { DestinationState } from '../types.ts'

const FIRST_PAUSE_MS = 1_000
const GROWTH = 1.1
const LONGEST_PAUSE_MS = 24 * 3_600_000

/** What the parent knows; the next execution gets it when the workflow continues as new. */
export type Told = {
  /** Changes that were passed on. */
  readonly count: number
  /** Workflow time in milliseconds before which the next one is not passed on. */
  readonly next_at_ms: number
  /** The latest state is still to be passed on. */
  readonly is_due: boolean
}

export const NOTHING_TOLD: Told = { count: 0, next_at_ms: 0, is_due: false }

/** The pause after so many changes, in milliseconds. */
export function pauseAfterChange(count: number): number {
  return Math.min(FIRST_PAUSE_MS * GROWTH ** Math.min(count, 1000), LONGEST_PAUSE_MS)
}

export interface ParentNews {
  /** The state has changed. */
  changed(): void
  /** The state is settled: nothing more is passed on. */
  end(): void
  told(): Told
}

export function createParentNews(accountId: string, before: Told, state: () => DestinationState): ParentNews {
  let { count, next_at_ms, is_due } = before
  let isTelling = false
  let isEnded = false
  const tellAll = async () => {
    while (is_due && !isEnded) {
      if (next_at_ms > Date.now()) await sleep(next_at_ms - Date.now())
      if (isEnded) return
      is_due = false
      count += 1
      next_at_ms = Date.now() + pauseAfterChange(count)
      await tellParent(accountId, state())
    }
  }
  const start = () => {
    if (isTelling || workflowInfo().parent === undefined) return
    isTelling = true
    // The parent gets to know a cancellation like every other change.
    void CancellationScope.nonCancellable(tellAll).finally(() => {
      isTelling = false
    })
  }
  if (is_due) start()
  return {
    changed: () => {
      is_due = true
      start()
    },
    end: () => {
      isEnded = true
    },
    told: () => ({ count, next_at_ms, is_due }),
  }
}

/**
 * Does nothing when the parent is gone. It is told during a cancellation as well: a signal handler that ends as cancelled
 * would end the workflow before the provider's session is given up.
 */
export async function tellParent(accountId: string, state: Partial<DestinationState>): Promise<void> {
  const { parent } = workflowInfo()
  if (parent === undefined) return
  const handle = getExternalWorkflowHandle(parent.workflowId, parent.runId)
  try {
    await CancellationScope.nonCancellable(() =>
      handle.signal(destinationChangedSignal, { account_id: accountId, state }),
    )
  } catch (failure) {
    log.debug('the parent could not be told', { error: statusErrorOf(failure).code })
  }
}
