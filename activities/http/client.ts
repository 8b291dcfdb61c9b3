// The one way out to the providers: HTTPS only, certificates always verified, redirects to plain HTTP refused,
// proxies by HTTPS_PROXY/NO_PROXY, request bodies streamed with backpressure, stalled transfers given up.
// Retries nothing (Temporal does) and puts no URL, header or body into an error: a URL may be a credential.

import https from 'node:https'
import { ProviderError } from '../providers/provider.ts'
import { fetchThrough } from './fetch.ts'
import { type HttpAnswer, type HttpRequest, type Limits, send } from './request.ts'

export type { HttpAnswer, HttpBody, HttpRequest } from './request.ts'

/** A connection that does not exist after this long is given up. */
const CONNECT_TIMEOUT_MS = 30_000
/** A transfer in which no byte moved for this long is given up. */
const STALL_TIMEOUT_MS = 60_000
const MAX_REDIRECTS = 3

export interface HttpClient {
  /** Resolves with any status below 600 but redirects; rejects with a ProviderError, or the signal's reason. */
  request(request: HttpRequest): Promise<HttpAnswer>
  /** The same as a `fetch`, for libraries that take one. Follows redirects of GET as `fetch` does, but only to HTTPS. */
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
    // Set here, because the environment (NODE_TLS_REJECT_UNAUTHORIZED) would decide it otherwise.
    rejectUnauthorized: true,
    scheduling: 'lifo',
    ...(options.proxyEnv ? { proxyEnv: options.proxyEnv } : {}),
  })
  const limits = {
    stallMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
    connectMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    longestAnswerMs: options.longestAnswerMs ?? Number.POSITIVE_INFINITY,
  }
  const request = (wanted: HttpRequest) => follow(agent, limits, wanted)
  return {
    request,
    fetch: (input, init) => fetchThrough(request, input, init),
    close: () => agent.destroy(),
  }
}

async function follow(agent: https.Agent, limits: Limits, request: HttpRequest): Promise<HttpAnswer> {
  let current = request
  for (let hops = 0; ; hops += 1) {
    const answer = await send(agent, limits, current)
    const location = answer.headers.location
    // Drive answers 308 without Location to a chunk: that is no redirect.
    if (answer.status < 300 || answer.status > 399 || location === undefined || answer.status === 304)
      return answer
    const next = URL.parse(location, current.url)
    if (next === null) {
      throw new ProviderError('unexpected_answer', `${hostOf(current.url)} redirects to no address.`)
    }
    if (next.protocol !== 'https:') {
      throw new ProviderError(
        'insecure_redirect',
        `${hostOf(current.url)} redirects to plain HTTP, which is not followed.`,
      )
    }
    if (current.method !== 'GET' && current.method !== 'HEAD') {
      throw new ProviderError(
        'insecure_redirect',
        `${hostOf(current.url)} redirects a ${current.method}, which is not followed.`,
      )
    }
    if (hops === MAX_REDIRECTS)
      throw new ProviderError('unexpected_answer', `${hostOf(current.url)} redirects for ever.`)
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

function hostOf(url: string): string {
  return new URL(url).host
}
