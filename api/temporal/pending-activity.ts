// The activity that a destination's workflow waits for: its state, when it is tried again, and the end of that wait.

import { WorkflowNotFoundError } from '@temporalio/client'
import type { TemporalConnection } from './connection.ts'
import { TemporalUnavailable } from './failures.ts'

export type PendingActivity = {
  readonly activity: string
  readonly activity_id: string
  /** `waiting`: for a worker, or for the next attempt. */
  readonly state: 'running' | 'waiting' | 'cancelling'
  /** Temporal's count; that of the destination goes on after a re-upload. */
  readonly attempt: number
  readonly next_attempt_at: string | null
  readonly last_error: string | null
}

export interface PendingActivities {
  /** The activity of an open workflow; null when there is none, or the workflow is not open. */
  pendingActivity(workflowId: string): Promise<PendingActivity | null>
  /** Ends the wait for the next attempt of an activity. False when there is none (any more). */
  retryNow(workflowId: string, activityId: string): Promise<boolean>
}

const GRPC_NOT_FOUND = 5

/** Calls throw TemporalUnavailable. */
export function createPendingActivities(connection: TemporalConnection): PendingActivities {
  const { client, workflowService, namespace, identity, deadlineMs, within } = connection
  return {
    async pendingActivity(workflowId) {
      try {
        const { raw } = await within(deadlineMs, () => client.workflow.getHandle(workflowId).describe())
        const activity = raw.pendingActivities?.[0]
        return activity === undefined ? null : pendingActivity(activity)
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null
        throw error
      }
    },

    async retryNow(workflowId, activityId) {
      const reset = { namespace, execution: { workflowId }, id: activityId, identity }
      try {
        await within(deadlineMs, () => workflowService.resetActivity(reset))
        return true
      } catch (error) {
        if (error instanceof TemporalUnavailable && error.grpcStatus === GRPC_NOT_FOUND) return false
        throw error
      }
    },
  }
}

/** The parts of Temporal's PendingActivityInfo that are used; times are seconds and nanoseconds. */
type Timestamp = { readonly seconds?: unknown; readonly nanos?: number | null }
type RawPendingActivity = {
  readonly activityId?: string | null
  readonly activityType?: { readonly name?: string | null } | null
  readonly state?: number | null
  readonly attempt?: number | null
  readonly nextAttemptScheduleTime?: Timestamp | null
  readonly lastFailure?: { readonly message?: string | null } | null
}

/** PendingActivityState of Temporal's API. */
const STARTED = 2
const CANCEL_REQUESTED = 3

function pendingActivity(raw: RawPendingActivity): PendingActivity {
  const { state } = raw
  return {
    activity: raw.activityType?.name ?? 'unknown',
    activity_id: raw.activityId ?? '',
    state: state === STARTED ? 'running' : state === CANCEL_REQUESTED ? 'cancelling' : 'waiting',
    attempt: raw.attempt ?? 1,
    next_attempt_at: state === STARTED ? null : timeOf(raw.nextAttemptScheduleTime),
    last_error: raw.lastFailure?.message ?? null,
  }
}

function timeOf(time: Timestamp | null | undefined): string | null {
  if (!time) return null
  const ms = Number(String(time.seconds ?? 0)) * 1000 + (time.nanos ?? 0) / 1e6
  return ms > 0 ? new Date(ms).toISOString() : null
}
