// The one way out to the providers: HTTPS only, certificates always verified, redirects to plain HTTP refused,
// proxies by HTTPS_PROXY/NO_PROXY, request bodies streamed with backpressure, stalled transfers given up.
// Retries nothing (Temporal does) and puts no URL, header or body into an error: a URL may be a credential.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import https from 'node:https'
import { ProviderError } from '../providers/provider.ts'
import { failureOf } from './network-errors.ts'

/** A connection that has not come about after this long is given up. */
const CONNECT_TIMEOUT_MS = 30_000
/** A transfer in which no byte moved for this long is given up. */
const STALL_TIMEOUT_MS = 60_000
/** An answer that has not begun this long after the last byte was sent is given up, where the request names no time. */
const ANSWER_TIMEOUT_MS = 60_000
/** JSON answers are small; a listing page of 2,000 files is about 1 MiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
const MAX_REDIRECTS = 3

export type HttpBody = string | Uint8Array | AsyncIterable<Uint8Array>

export type HttpRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: HttpBody | undefined
  /** Bytes; needed where `body` is a stream, because no provider takes chunked transfers. */
  readonly contentLength?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** How long the answer may take after the last byte was sent, in ms; default 60 s, a finalise needs 10 min. */
  readonly answerTimeoutMs?: number | undefined
  /** Told of the bytes of a streamed body as they leave. */
  readonly onSent?: ((bytes: number) => void) | undefined
}

export type HttpAnswer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface HttpClient {
  /** Resolves with any status below 600 but redirects; rejects with a ProviderError, or the signal's reason. */
  request(request: HttpRequest): Promise<HttpAnswer>
  /** The same as a `fetch` for libraries that take one; follows redirects of GET as `fetch` does, HTTPS only. */
  readonly fetch: typeof globalThis.fetch
  close(): void
}

export type HttpOptions = {
  /** HTTP_PROXY, HTTPS_PROXY, NO_PROXY as in the environment. */
  readonly proxyEnv?: Readonly<Record<string, string>> | undefined
  readonly stallTimeoutMs?: number | undefined
  readonly connectTimeoutMs?: number | undefined
  /** Above this no request waits for its answer, whatever it allows itself; no bound without it. */
  readonly longestAnswerMs?: number | undefined
}

export function createHttpClient(options: HttpOptions = {}): HttpClient {
  const agent = new https.Agent({
    keepAlive: true,
    // Said, because the environment (NODE_TLS_REJECT_UNAUTHORIZED) would otherwise decide it.
    rejectUnauthorized: true,
    scheduling: 'lifo',
    ...(options.proxyEnv ? { proxyEnv: options.proxyEnv } : {}),
  })
  const limits = {
    stallMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
    connectMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    longestAnswerMs: options.longestAnswerMs ?? Number.POSITIVE_INFINITY,
  }
  const client: HttpClient = {
    request: (request) => follow(agent, limits, request),
    fetch: (input, init) => fetchThrough(client, input, init),
    close: () => agent.destroy(),
  }
  return client
}

type Limits = { readonly stallMs: number; readonly connectMs: number; readonly longestAnswerMs: number }

async function follow(agent: https.Agent, limits: Limits, request: HttpRequest): Promise<HttpAnswer> {
  let current = request
  for (let hops = 0; ; hops += 1) {
    const answer = await once(agent, limits, current)
    const location = answer.headers.location
    // Drive answers 308 without Location to a chunk: that is no redirect.
    if (answer.status < 300 || answer.status > 399 || location === undefined || answer.status === 304)
      return answer
    const next = URL.parse(location, current.url)
    if (next === null) {
      throw new ProviderError('unexpected_answer', `${hostOf(current.url)} redirects to no address`)
    }
    if (next.protocol !== 'https:') {
      throw new ProviderError(
        'insecure_redirect',
        `${hostOf(current.url)} redirects to plain HTTP; not followed`,
      )
    }
    if (current.method !== 'GET' && current.method !== 'HEAD') {
      throw new ProviderError(
        'insecure_redirect',
        `${hostOf(current.url)} redirects a ${current.method}; not followed`,
      )
    }
    if (hops === MAX_REDIRECTS)
      throw new ProviderError('unexpected_answer', `${hostOf(current.url)} redirects for ever`)
    // Credentials stay with the host that they were meant for.
    const isSameHost = next.host === new URL(current.url).host
    const headers = isSameHost ? current.headers : withoutCredentials(current.headers)
    current = { ...current, url: next.href, headers }
  }
}

function withoutCredentials(headers: HttpRequest['headers'] = {}): Record<string, string> {
  const isCredential = (name: string) => ['authorization', 'cookie'].includes(name.toLowerCase())
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isCredential(name)))
}

function once(agent: https.Agent, limits: Limits, request: HttpRequest): Promise<HttpAnswer> {
  const url = new URL(request.url)
  if (url.protocol !== 'https:') {
    throw new ProviderError('insecure_redirect', `refusing a plain HTTP address at ${url.host}`)
  }
  request.signal?.throwIfAborted()
  const body = typeof request.body === 'string' ? Buffer.from(request.body) : request.body
  const contentLength = body instanceof Uint8Array ? body.byteLength : request.contentLength
  const headers: Record<string, string | number> = { ...request.headers }
  if (contentLength !== undefined) headers['Content-Length'] = contentLength
  else if (request.method !== 'GET' && request.method !== 'HEAD') headers['Content-Length'] = 0

  return new Promise((resolve, reject) => {
    const outgoing = https.request(url, { method: request.method, headers, agent })
    let settled = false
    let watchdog: NodeJS.Timeout | undefined
    const watch = (ms: number, what: string) => {
      clearTimeout(watchdog)
      // An early answer settles before the last byte is written, whose callback must not start the clock again.
      if (settled) return
      watchdog = setTimeout(() => {
        // Not by the request's own error event: it waits for a socket, which a silent proxy never brings about.
        fail(new ProviderError('network_stalled', `${url.host}: ${what} for ${Math.round(ms / 1000)} s`))
      }, ms)
    }
    const settle = (finish: () => void) => {
      if (settled) return
      settled = true
      clearTimeout(watchdog)
      request.signal?.removeEventListener('abort', onAbort)
      finish()
    }
    const fail = (cause: unknown) =>
      settle(() => {
        outgoing.destroy()
        reject(request.signal?.aborted ? request.signal.reason : failureOf(cause, url.host))
      })
    const onAbort = () => fail(undefined)
    request.signal?.addEventListener('abort', onAbort)

    const answerMs = Math.min(request.answerTimeoutMs ?? ANSWER_TIMEOUT_MS, limits.longestAnswerMs)
    const answered = () => watch(answerMs, 'no answer')
    watch(limits.connectMs, 'no connection')
    outgoing.on('socket', (socket) => {
      const connected = () => (body === undefined ? answered() : watch(limits.stallMs, 'no bytes moved'))
      if (socket.connecting) socket.once('secureConnect', connected)
      else connected()
    })
    outgoing.on('error', fail)
    outgoing.on('response', (incoming) => {
      const arriving = () => watch(limits.stallMs, 'the answer broke off')
      arriving()
      collect(incoming, arriving).then(
        (received) =>
          settle(() => {
            // An answer before the whole body was sent (a refusal) leaves a connection that cannot be used again.
            if (!outgoing.writableFinished) outgoing.destroy()
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: received })
          }),
        fail,
      )
    })
    if (body === undefined || body instanceof Uint8Array) {
      outgoing.end(body, () => answered())
      return
    }
    pump(body, outgoing, {
      isSettled: () => settled || outgoing.destroyed,
      moved: (bytes) => {
        request.onSent?.(bytes)
        if (!settled) watch(limits.stallMs, 'no bytes moved')
      },
    }).then(() => {
      if (!settled) answered()
    }, fail)
  })
}

type Pump = { isSettled(): boolean; moved(bytes: number): void }

/** Writes piece by piece, each when the one before has left: a piece is not needed any more when the next is asked for. */
async function pump(
  pieces: AsyncIterable<Uint8Array>,
  outgoing: NodeJS.WritableStream,
  state: Pump,
): Promise<void> {
  for await (const piece of pieces) {
    if (state.isSettled()) return
    await written(outgoing, piece, () => state.moved(piece.byteLength))
  }
  if (!state.isSettled()) await new Promise<void>((resolve) => outgoing.end(() => resolve()))
}

/** Resolves when the piece has been handed to the system, or never will be. */
function written(outgoing: NodeJS.WritableStream, piece: Uint8Array, moved: () => void): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off('close', done)
      resolve()
    }
    // Not every write is called back when the connection is given up.
    outgoing.on('close', done)
    outgoing.write(piece, (error) => {
      if (!error) moved()
      done()
    })
  })
}

async function collect(incoming: IncomingMessage, arriving: () => void): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    arriving()
    size += piece.byteLength
    if (size > MAX_ANSWER_BYTES)
      throw new ProviderError('unexpected_answer', 'the answer is larger than 64 MiB')
    pieces.push(piece)
  }
  return Buffer.concat(pieces, size)
}

async function fetchThrough(
  client: HttpClient,
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const asRequest = new Request(input, { ...init, signal: null })
  const headers: Record<string, string> = {}
  for (const [name, value] of asRequest.headers) headers[name] = value
  const body = asRequest.body === null ? undefined : Buffer.from(await asRequest.arrayBuffer())
  const answer = await client.request({
    method: methodOf(asRequest.method),
    url: asRequest.url,
    headers,
    body,
    signal: init.signal ?? (input instanceof Request ? input.signal : undefined),
    answerTimeoutMs: 600_000,
  })
  const received = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) received.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const isBodyless = answer.status === 204 || answer.status === 304 || asRequest.method === 'HEAD'
  return new Response(isBodyless ? null : new Uint8Array(answer.body), {
    status: answer.status,
    headers: received,
  })
}

function methodOf(name: string): HttpRequest['method'] {
  const known = (['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'] as const).find((method) => method === name)
  if (known === undefined) throw new ProviderError('request_refused', `unsupported method ${name}`)
  return known
}

function hostOf(url: string): string {
  return new URL(url).host
}
