// Downloads a file into memory within limits. A machine without a way out must learn so in seconds, a slow line may
// take its time: the first answer has a short deadline, the whole has a long one.

const ANSWER_TIMEOUT_MS = 5_000
const TOTAL_TIMEOUT_MS = 15 * 60_000
const MAX_BYTES = 500 * 1024 * 1024

/** The body of a successful GET. Throws on any other status, on silence, and on more than 500 MiB. */
export async function download(url: string, accept = '*/*'): Promise<Buffer> {
  const controller = new AbortController()
  const silence = setTimeout(
    () => controller.abort(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)),
    ANSWER_TIMEOUT_MS,
  )
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(TOTAL_TIMEOUT_MS)])
  try {
    const response = await fetch(url, { headers: { accept }, signal })
    clearTimeout(silence)
    if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status}`)
    const pieces: Uint8Array[] = []
    let bytes = 0
    for await (const piece of response.body) {
      bytes += piece.byteLength
      if (bytes > MAX_BYTES) throw new Error('the file is larger than expected')
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  } finally {
    clearTimeout(silence)
  }
}
