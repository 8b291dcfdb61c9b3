// A bound on how often one thing is done at once in this process. Who finds no place does not wait here, where it would hold
// an activity slot: the activity fails, and Temporal tries it again.

export type Places = {
  /** Takes a place; the returned function gives it back, and may be called twice. Null when all are taken. */
  readonly take: () => (() => void) | null
}

export function createPlaces(limit: number): Places {
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
