// What the workflow is told of an upload, for its queries and the Web UI: every change of the status or the error code, and
// the progress now and then, because a signal costs history events. The database is told of everything.

import type { Context } from '@temporalio/activity'
import { saveOpenDestination } from '../../db/runs/destinations.ts'
import type { SessionClaim } from '../../db/uploads/claims.ts'
import { destinationChangedSignal } from '../../workflows/messages.ts'
import type { DestinationState } from '../../workflows/types.ts'
import type { ActivityDeps } from '../dependencies.ts'
import { outlastAbsence } from '../worker/database-absence.ts'
import type { UploadPosition } from './position.ts'

/** At most one signal of the progress in 2 s, and only after another twentieth of the archive. */
const SIGNAL_MS = 2_000
const SIGNAL_SHARE = 0.05
/** The end of an attempt waits no longer than this for a server that does not answer. */
const SIGNAL_TIMEOUT_MS = 10_000

interface DestinationNews {
  readonly status: DestinationState['status']
  /** The progress that the workflow was told last. */
  readonly toldBytes: number
  /** Saves the state, and signals another status or error code. Throws ClaimLost. */
  show(state: Partial<DestinationState>): Promise<void>
  /** Saves the state and signals nothing. Throws ClaimLost. */
  save(state: Partial<DestinationState>): Promise<void>
  /** Signals the progress when it is time for that; does not wait for it. */
  tellProgress(size: number): void
  /** The session begins anew: the workflow is told of the progress from 0 again. */
  startOver(): void
  /** Resolves when no signal of the progress is under way. */
  quiet(): Promise<void>
}

export function createDestinationNews(options: {
  readonly deps: ActivityDeps
  readonly context: Context
  readonly claim: SessionClaim
  /** The destination as it is shown. */
  readonly shown: Pick<DestinationState, 'status' | 'error' | 'bytes_sent'>
  readonly position: UploadPosition
}): DestinationNews {
  const { deps, context, claim, shown, position } = options
  let { status } = shown
  // A warning about the rate of an upload that goes on is no change for the workflow.
  let code = status === 'uploading' ? null : (shown.error?.code ?? null)
  let toldBytes = toldBefore(context) ?? shown.bytes_sent
  let signalledAt = Date.now()
  let signalling: Promise<void> | null = null

  async function signal(state: Partial<DestinationState>): Promise<void> {
    const { workflowExecution } = context.info
    if (workflowExecution === undefined) return
    const { workflowId, runId } = workflowExecution
    const news = { account_id: claim.account_id, state }
    try {
      await context.client.withDeadline(Date.now() + SIGNAL_TIMEOUT_MS, () =>
        context.client.workflow.getHandle(workflowId, runId).signal(destinationChangedSignal, news),
      )
    } catch (error) {
      // The database has it already; a server that is away must not stop the bytes.
      deps.log.warn({ err: error, run_id: claim.run_id }, 'the workflow could not be told of the progress')
    }
  }
  const save = (state: Partial<DestinationState>) =>
    outlastAbsence(async () => {
      await saveOpenDestination(deps.db, claim, state)
    }, context.cancellationSignal)

  return {
    get status() {
      return status
    },
    get toldBytes() {
      return toldBytes
    },
    save,
    show: async (state) => {
      await save(state)
      const now = {
        status: state.status ?? status,
        code: state.error === undefined ? code : (state.error?.code ?? null),
      }
      if (now.status === status && now.code === code) return
      status = now.status
      code = now.code
      const bytes = position.fromOffset === undefined ? {} : { bytes_sent: position.shownBytes() }
      await signal({ ...state, ...bytes })
    },
    tellProgress: (size) => {
      const bytes = position.shownBytes()
      if (Date.now() - signalledAt < SIGNAL_MS || bytes - toldBytes < SIGNAL_SHARE * size) return
      toldBytes = bytes
      signalledAt = Date.now()
      signalling ??= signal({ bytes_sent: bytes }).finally(() => {
        signalling = null
      })
    },
    startOver: () => {
      toldBytes = 0
    },
    quiet: async () => {
      await signalling
    },
  }
}

/** The progress that an earlier attempt has told the workflow; null when there was none. */
function toldBefore(context: Context): number | null {
  const details: unknown = context.info.heartbeatDetails
  if (typeof details !== 'object' || details === null || !('told_bytes' in details)) return null
  return typeof details.told_bytes === 'number' ? details.told_bytes : null
}
