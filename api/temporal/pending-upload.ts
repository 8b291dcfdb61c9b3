// What Temporal knows of an activity that is under way: how far it is by its last heartbeat, and when it is tried again.
// Pure: it reads the answer of `describe`, whose payloads are JSON.

import { z } from 'zod'

export type PendingUpload = {
  readonly activity: string
  readonly activity_id: string
  /** `waiting`: for a worker, or for the next attempt. */
  readonly state: 'running' | 'waiting' | 'cancelling'
  /** Temporal's count; that of the destination goes on after a re-upload. */
  readonly attempt: number
  /** By the last heartbeat; null when there was none. */
  readonly bytes_sent: number | null
  readonly heartbeat_at: string | null
  readonly next_attempt_at: string | null
  readonly last_error: string | null
}

/** The parts of Temporal's PendingActivityInfo that are used; times are seconds and nanoseconds. */
type Timestamp = { readonly seconds?: unknown; readonly nanos?: number | null }
export type RawPendingActivity = {
  readonly activityId?: string | null
  readonly activityType?: { readonly name?: string | null } | null
  readonly state?: number | null
  readonly attempt?: number | null
  readonly heartbeatDetails?: {
    readonly payloads?: readonly { readonly data?: Uint8Array | null }[] | null
  } | null
  readonly lastHeartbeatTime?: Timestamp | null
  readonly nextAttemptScheduleTime?: Timestamp | null
  readonly lastFailure?: { readonly message?: string | null } | null
}

const CANCEL_REQUESTED = 3
const STARTED = 2

const heartbeat = z.object({ bytes_sent: z.number() })

export function pendingUpload(raw: RawPendingActivity): PendingUpload {
  const { state } = raw
  return {
    activity: raw.activityType?.name ?? 'unknown',
    activity_id: raw.activityId ?? '',
    state: state === STARTED ? 'running' : state === CANCEL_REQUESTED ? 'cancelling' : 'waiting',
    attempt: raw.attempt ?? 1,
    bytes_sent: bytesSent(raw.heartbeatDetails?.payloads?.[0]?.data),
    heartbeat_at: timeOf(raw.lastHeartbeatTime),
    next_attempt_at: state === STARTED ? null : timeOf(raw.nextAttemptScheduleTime),
    last_error: raw.lastFailure?.message ?? null,
  }
}

function bytesSent(data: Uint8Array | null | undefined): number | null {
  if (!data) return null
  const parsed = heartbeat.safeParse(parseJson(Buffer.from(data).toString('utf8')))
  return parsed.success ? parsed.data.bytes_sent : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function timeOf(time: Timestamp | null | undefined): string | null {
  if (!time) return null
  const ms = Number(String(time.seconds ?? 0)) * 1000 + (time.nanos ?? 0) / 1e6
  return ms > 0 ? new Date(ms).toISOString() : null
}
