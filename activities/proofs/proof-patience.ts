// How long a proof is waited for that the provider does not give yet: a file that it does not show, a hash that it has not
// computed (docs/providers.md, 3.3). What counts is how often and how long the provider was really asked in vain: tries
// that never reached it say nothing. It travels from attempt to attempt in the heartbeat; should it get lost, the wait
// begins anew.

import { z } from 'zod'
import type { Patience } from '../patience.ts'

const looksInVain = z.object({
  lacking: z.enum(['file', 'hash']),
  /** Of the first look in vain, by the worker's clock: the provider's may be wrong. */
  since: z.iso.datetime(),
  looks: z.int().min(1),
})
export type LooksInVain = z.infer<typeof looksInVain>

/** However long ago the first look was: in between the provider may have been away, or this machine's clock been set. */
const FEWEST_LOOKS = 5
const LONGEST_PAUSE_MS = 30_000

/** What the attempt before has left; null when it left nothing. */
export function earlierLooks(heartbeatDetails: unknown): LooksInVain | null {
  const parsed = looksInVain.safeParse(heartbeatDetails)
  return parsed.success ? parsed.data : null
}

/** One look more; another thing that is lacking is counted anew. */
export function lookedInVain(
  before: LooksInVain | null,
  lacking: LooksInVain['lacking'],
  nowMs: number,
): LooksInVain {
  return before?.lacking === lacking
    ? { ...before, looks: before.looks + 1 }
    : { lacking, since: new Date(nowMs).toISOString(), looks: 1 }
}

/** True after at least five looks, when the patience with what is lacking is at its end. */
export function isEnough({ lacking, since, looks }: LooksInVain, nowMs: number, patience: Patience): boolean {
  const longestMs = lacking === 'hash' ? patience.hashMs : patience.fileMs
  return looks >= FEWEST_LOOKS && nowMs - Date.parse(since) >= longestMs
}

/** Until the next look, in ms: at most 30 s. */
export function pauseMs({ looks }: LooksInVain, { lookAgainMs }: Patience): number {
  return Math.min(lookAgainMs * 2 ** (looks - 1), LONGEST_PAUSE_MS)
}
