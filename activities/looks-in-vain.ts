// How long a proof is waited for that the provider does not give yet: a file that it does not show, a hash that it has not
// computed (providers.md 3.3). What counts is how often and how long the provider was really asked in vain: tries that never
// reached it say nothing. It travels from attempt to attempt in the heartbeat; should it get lost, the wait begins anew.

import { z } from 'zod'

const looksInVain = z.object({
  lacking: z.enum(['file', 'hash']),
  /** Of the first look in vain, by the worker's clock: the provider's may be wrong. */
  since: z.iso.datetime(),
  looks: z.int().min(1),
})
export type LooksInVain = z.infer<typeof looksInVain>

/**
 * A hash may take minutes (providers.md 3.3). A file that the provider took is there to be read by its ID at once, or after
 * seconds where its parts do not agree yet.
 */
const PATIENCE_MS: Readonly<Record<LooksInVain['lacking'], number>> = { hash: 10 * 60_000, file: 30_000 }
/** However long ago the first look was: in between the provider may have been away, or this machine's clock been set. */
const FEWEST_LOOKS = 5
const FIRST_PAUSE_MS = 1_000
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

/** True after five looks and ten minutes without a hash, or half a minute without a file. */
export function isEnough({ lacking, since, looks }: LooksInVain, nowMs: number): boolean {
  return looks >= FEWEST_LOOKS && nowMs - Date.parse(since) >= PATIENCE_MS[lacking]
}

/** Until the next look: from 1 s to 30 s. */
export function pauseMs({ looks }: LooksInVain): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (looks - 1), LONGEST_PAUSE_MS)
}
