// How long a proof waits for what the provider does not show yet: the file, or a hash that it has not computed
// (docs/providers.md, 3.3). Only looks that the provider answered without it count: tries that never reached the provider do
// not. The count is passed from attempt to attempt in the heartbeat. If it is lost, the wait begins anew.

import { z } from 'zod'
import type { Patience } from '../patience.ts'

const looksInVain = z.object({
  lacking: z.enum(['file', 'hash']),
  /** When the first look found nothing, by the worker's clock: the provider's may be wrong. */
  since: z.iso.datetime(),
  looks: z.int().min(1),
})
export type LooksInVain = z.infer<typeof looksInVain>

/** However long ago the first look was: in between the provider may have been away, or this machine's clock been set. */
const FEWEST_LOOKS = 5
const LONGEST_PAUSE_MS = 30_000

/** The looks of the attempt before; null when there were none. */
export function earlierLooks(heartbeatDetails: unknown): LooksInVain | null {
  const parsed = looksInVain.safeParse(heartbeatDetails)
  return parsed.success ? parsed.data : null
}

/** Adds a look. When another thing is lacking than before, the count begins anew. */
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
