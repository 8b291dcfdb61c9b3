// Waits for some work until a deadline. What is late is left to itself: it goes on, and nobody hears of its outcome.

/** Rejects with what `late` makes when nothing has come of the work within `ms`. */
export async function inTime<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  const deadline = Promise.withResolvers<never>()
  const timer = setTimeout(() => deadline.reject(late()), ms)
  try {
    return await Promise.race([work, deadline.promise])
  } finally {
    clearTimeout(timer)
  }
}
