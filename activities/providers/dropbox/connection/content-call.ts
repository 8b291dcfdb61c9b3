// Calls with bytes straight through our HTTP client: the library would hold each chunk in memory and names no length.

import type { z } from 'zod'
import type { HttpBody } from '../../../http/client.ts'
import { withRenewal } from '../../token-renewal.ts'
import { type DropboxAnswer, failureFrom } from '../answers.ts'
import { headerText, jsonOrText, tokenRefused } from '../tokens.ts'
import { CALL_TIMEOUT_MS, type CallParts, isTokenRefused, parsed } from './parts.ts'

export type ContentCall = {
  /** Below /2/, such as 'files/upload_session/start'. */
  readonly route: string
  readonly arg: unknown
  /** Makes the body anew for each try; missing: an empty body. */
  readonly body?: (() => HttpBody) | undefined
  /** Bytes of the body. */
  readonly length?: number | undefined
  readonly onSent?: ((bytes: number) => void) | undefined
  readonly answerTimeoutMs?: number | undefined
}

/** One call with bytes. */
export async function contentCall<T>(
  { endpoints, tokens, http, now }: CallParts,
  schema: z.ZodType<T>,
  headers: Record<string, string>,
  call: ContentCall,
  signal: AbortSignal,
): Promise<DropboxAnswer<T>> {
  const once = async (token: string) => {
    const answer = await http.request({
      method: 'POST',
      url: `${endpoints.contentRoot}/2/${call.route}`,
      headers: {
        ...headers,
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/octet-stream',
        'Dropbox-API-Arg': headerSafeJson(call.arg),
      },
      body: call.body?.(),
      contentLength: call.length,
      signal,
      onSent: call.onSent,
      answerTimeoutMs: call.answerTimeoutMs ?? CALL_TIMEOUT_MS,
    })
    return { ...answer, json: jsonOrText(answer.body.toString('utf8')) }
  }
  const isRefused = ({ status, json }: Awaited<ReturnType<typeof once>>) =>
    status === 401 && isTokenRefused(json)
  const answer = await withRenewal(tokens, once, isRefused, signal)
  if (isRefused(answer) && tokens.isRenewable)
    throw tokenRefused(headerText(answer.headers['x-dropbox-request-id']))
  const headerOf = (name: string) => headerText(answer.headers[name])
  if (answer.status === 200) {
    return { ok: true, result: parsed(schema, answer.json), date: headerOf('date') ?? null }
  }
  return { ok: false, failure: failureFrom(answer.status, headerOf, answer.json, now()) }
}
/** JSON for a header: everything outside of printable ASCII as \uXXXX (docs/providers.md, 2.2). */
function headerSafeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
