// Work whose answer is waited for a little after a cancellation: only the answer names what the work has made.

/** Rejects at once when the signal is aborted already; the work's own signal is aborted so much later than it. */
export async function withLateSignal<T>(
  signal: AbortSignal,
  lateMs: number,
  work: (late: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onAbort = () => {
    timer = setTimeout(() => late.abort(signal.reason), lateMs)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(late.signal)
  } finally {
    signal.removeEventListener('abort', onAbort)
    clearTimeout(timer)
  }
}
