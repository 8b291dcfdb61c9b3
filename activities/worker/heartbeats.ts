// The beats of a long activity, from its first line to its last: a worker that is silent for half a minute is taken for dead,
// and what it found out afterwards is lost.

import { Context } from '@temporalio/activity'

const BEAT_MS = 1000
const PLAIN_BEAT_MS = 2_000

export interface Heartbeats {
  /** What the next beats say; before that they repeat what the last attempt has said. */
  say(details: () => object): void
  /** After a last one. */
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
