// Waiting for work that others may share: one who gives up the wait does not end the work.

/** Starts the work and waits for it, but no longer than the signal allows; rejects then with the signal's reason. */
export async function abortable<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const listening = new AbortController()
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: listening.signal })
  })
  try {
    return await Promise.race([work(), aborted])
  } finally {
    listening.abort()
  }
}
