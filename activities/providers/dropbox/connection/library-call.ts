// RPC calls through the official library, which get the token and the renewal of a token that was refused.

import { Dropbox, type DropboxResponse, DropboxResponseError } from 'dropbox'
import type { z } from 'zod'
import { ProviderError } from '../../provider.ts'
import { withRenewal } from '../../token-renewal.ts'
import { type DropboxAnswer, failureFrom } from '../answers.ts'
import { jsonOrText, tokenRefused } from '../tokens.ts'
import { CALL_TIMEOUT_MS, type CallParts, isTokenRefused, parsed } from './parts.ts'

/** The library's own addresses, which are replaced by the configured root. */
const LIBRARY_ROOT = 'https://api.dropboxapi.com'

export type CallOptions = { readonly signal: AbortSignal }
export type LibraryCall = (client: Dropbox, options: CallOptions) => Promise<DropboxResponse<unknown>>

/** One call through the official library. */
export async function libraryCall<T>(
  parts: CallParts,
  schema: z.ZodType<T>,
  headers: Record<string, string>,
  call: LibraryCall,
  signal: AbortSignal,
): Promise<DropboxAnswer<T>> {
  signal.throwIfAborted()
  const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS)
  try {
    const response = await call(clientFor(parts, headers), { signal: AbortSignal.any([signal, timeout]) })
    return { ok: true, result: parsed(schema, response.result), date: headersOf(response).get('date') }
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    if (timeout.aborted) throw new ProviderError('network_stalled', 'Dropbox did not answer for 120 s.')
    if (!(cause instanceof DropboxResponseError)) throw cause
    const received = headersOf(cause)
    const failure = failureFrom(
      cause.status,
      (name) => received.get(name) ?? undefined,
      cause.error,
      parts.now(),
    )
    return { ok: false, failure }
  }
}

function clientFor({ endpoints, tokens, http }: CallParts, headers: Record<string, string>): Dropbox {
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    if (!url.startsWith(`${LIBRARY_ROOT}/2/`))
      throw new Error('the library calls an address that is not known')
    const target = endpoints.apiRoot + url.slice(LIBRARY_ROOT.length)
    const once = (token: string) =>
      http.fetch(target, {
        ...init,
        headers: { ...plainHeaders(init.headers), ...headers, Authorization: `Bearer ${token}` },
      })
    const ask = async (token: string) => {
      const response = await once(token)
      if (response.status !== 401) return { response, isRefused: false }
      const text = await response.text()
      const again = new Response(text, { status: 401, headers: response.headers })
      return { response: again, isRefused: isTokenRefused(jsonOrText(text)) }
    }
    const signal = init.signal ?? AbortSignal.timeout(CALL_TIMEOUT_MS)
    const { response, isRefused } = await withRenewal(tokens, ask, (answer) => answer.isRefused, signal)
    if (isRefused && tokens.isRenewable)
      throw tokenRefused(response.headers.get('x-dropbox-request-id') ?? undefined)
    return response
  }
  return new Dropbox({ fetch: send })
}

function plainHeaders(headers: RequestInit['headers']): Record<string, string> {
  return Object.fromEntries(new Headers(headers))
}

/** The library leaves the type of its answers' headers open. */
function headersOf(answer: { readonly headers: unknown }): Headers {
  return answer.headers instanceof Headers ? answer.headers : new Headers()
}
