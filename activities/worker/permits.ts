// A bound on how often one thing is done at once in this process. Work without a permit does not wait here, where it would
// hold an activity slot: the activity fails, and Temporal tries it again.

export type Permits = {
  /** Takes a permit; the returned function gives it back, and may be called twice. Null when all are taken. */
  readonly take: () => (() => void) | null
}

export function createPermits(limit: number): Permits {
  let taken = 0
  return {
    take: () => {
      if (taken >= limit) return null
      taken += 1
      let isHeld = true
      return () => {
        if (isHeld) taken -= 1
        isHeld = false
      }
    },
  }
}
