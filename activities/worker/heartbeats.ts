// The heartbeats of a long activity, from its first line to its last: a worker without a heartbeat for half a minute counts as
// dead, and what it found out afterwards is lost.

import { Context } from '@temporalio/activity'

const BEAT_MS = 1000
const PLAIN_BEAT_MS = 2_000

export interface Heartbeats {
  /** The details of the next beats. Until it is called, the beats repeat those of the last attempt. */
  say(details: () => object): void
  /** Sends a last beat, and no other. */
  stop(): void
}

export function startHeartbeats(context: Context): Heartbeats {
  // A beat without details would take those of the last attempt from the next one.
  const earlier: unknown = context.info.heartbeatDetails
  let details = (): unknown => earlier
  const beat = () => context.heartbeat(details())
  beat()
  const beats = setInterval(beat, BEAT_MS)
  return {
    say: (said) => {
      details = said
      beat()
    },
    stop: () => {
      clearInterval(beats)
      beat()
    },
  }
}

/** Does the work of an activity that has nothing to say in its beats. */
export async function whileBeating<T>(work: () => Promise<T>): Promise<T> {
  const context = Context.current()
  context.heartbeat()
  const beats = setInterval(() => context.heartbeat(), PLAIN_BEAT_MS)
  try {
    return await work()
  } finally {
    clearInterval(beats)
  }
}
