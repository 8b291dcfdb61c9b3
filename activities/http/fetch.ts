// Our HTTP client as a `fetch`, for libraries that take one.

import { ProviderError } from '../providers/provider.ts'
import type { HttpAnswer, HttpRequest } from './request.ts'

/** Libraries bound their calls themselves. */
const ANSWER_TIMEOUT_MS = 600_000

/** Passes the call on to `request`; its body and its answer are held in memory. */
export async function fetchThrough(
  request: (request: HttpRequest) => Promise<HttpAnswer>,
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const asRequest = new Request(input, { ...init, signal: null })
  const headers: Record<string, string> = {}
  for (const [name, value] of asRequest.headers) headers[name] = value
  const body = asRequest.body === null ? undefined : Buffer.from(await asRequest.arrayBuffer())
  const answer = await request({
    method: methodOf(asRequest.method),
    url: asRequest.url,
    headers,
    body,
    signal: init.signal ?? (input instanceof Request ? input.signal : undefined),
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
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
  if (known === undefined)
    throw new ProviderError('request_refused', `The HTTP method ${name} is not supported.`)
  return known
}
