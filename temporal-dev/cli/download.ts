// Downloads a file into memory within limits. A machine without Internet access must notice that in seconds, but a slow line
// may take long: the first answer has a short deadline, the whole has a long one. What begins over HTTPS never goes on
// over HTTP, since programs come this way; and no address is ever shown, because that of an index may hold a password.

const ANSWER_TIMEOUT_MS = 5_000
const TOTAL_TIMEOUT_MS = 15 * 60_000
const MAX_BYTES = 500 * 1024 * 1024
const MAX_REDIRECTS = 5

/**
 * The body of a successful GET. Throws when the signal aborts, on any other status, on silence, on a way out of HTTPS, and on
 * more than 500 MiB.
 */
export async function download(
  url: string,
  {
    accept = '*/*',
    signal: given,
  }: { readonly accept?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<Buffer> {
  const controller = new AbortController()
  const silence = setTimeout(
    () => controller.abort(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)),
    ANSWER_TIMEOUT_MS,
  )
  const signal = AbortSignal.any([
    controller.signal,
    AbortSignal.timeout(TOTAL_TIMEOUT_MS),
    ...(given === undefined ? [] : [given]),
  ])
  try {
    const response = await follow(new URL(url), accept, signal)
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

async function follow(start: URL, accept: string, signal: AbortSignal): Promise<Response> {
  let url = start
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await get(url, accept, signal)
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) return response
    await response.body?.cancel()
    if (!URL.canParse(location, url.href)) throw new Error('it is redirected to no address')
    const next = new URL(location, url)
    if (url.protocol === 'https:' && next.protocol !== 'https:') {
      throw new Error('it is redirected from HTTPS to another protocol')
    }
    url = next
  }
  throw new Error(`it is redirected more than ${MAX_REDIRECTS} times`)
}

/** fetch refuses an address with a user name, and quotes it in its error. */
function get(url: URL, accept: string, signal: AbortSignal): Promise<Response> {
  const { username, password } = url
  const plain = new URL(url)
  plain.username = ''
  plain.password = ''
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
  const headers = {
    accept,
    ...(username === '' && password === '' ? {} : { authorization: `Basic ${login.toString('base64')}` }),
  }
  return fetch(plain.href, { headers, redirect: 'manual', signal })
}
