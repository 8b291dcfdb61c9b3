// One call to Microsoft Graph: token, answer, error. A refused token is renewed and the call goes on; every
// other unwanted answer becomes a ProviderError by the table of errors.ts. Upload URLs never come through here:
// they must be asked without a token.

import type { z } from 'zod'
import { parseJson } from '../../../db/process/json.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from '../../http/client.ts'
import { ProviderError } from '../provider.ts'
import { withRenewal } from '../token-renewal.ts'
import { graphError, hasCode, type Subject } from './errors.ts'
import { checkPageUrl, graphBase } from './hosts.ts'
import type { TokenSource } from './token.ts'

/** Microsoft asks for this form; undecorated traffic is throttled first. */
export const USER_AGENT = 'NONISV|CloudSync|CloudSync/1.0'

type GraphCall = {
  readonly method: HttpRequest['method']
  /** Below the root and version, beginning with '/'; or a whole address that Graph gave for the next page. */
  readonly path: string
  readonly subject: Subject
  readonly signal: AbortSignal
  readonly json?: unknown
  /** Made anew for each try. */
  readonly stream?:
    | { readonly bytes: number; open(): AsyncIterable<Uint8Array>; onSent(bytes: number): void }
    | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Statuses that the caller handles, in addition to 2xx. */
  readonly accept?: readonly number[]
}

export interface Graph {
  call(call: GraphCall): Promise<HttpAnswer>
}

type GraphDeps = {
  readonly http: HttpClient
  readonly token: TokenSource
  readonly graphRoot: string
  readonly now: () => number
}

export function createGraph(deps: GraphDeps): Graph {
  const base = graphBase(deps.graphRoot)

  function addressOf(path: string): string {
    if (path.startsWith('/')) return base + path
    checkPageUrl(path, deps.graphRoot)
    return path
  }

  function send(call: GraphCall, token: string): Promise<HttpAnswer> {
    const isJson = call.json !== undefined
    return deps.http.request({
      method: call.method,
      url: addressOf(call.path),
      headers: {
        Authorization: `Bearer ${token}`,
        Accept: 'application/json',
        'User-Agent': USER_AGENT,
        ...(isJson ? { 'Content-Type': 'application/json' } : {}),
        ...(call.stream ? { 'Content-Type': 'application/octet-stream' } : {}),
        ...call.headers,
      },
      body: isJson ? JSON.stringify(call.json) : call.stream?.open(),
      contentLength: call.stream?.bytes,
      onSent: call.stream?.onSent,
      signal: call.signal,
      answerTimeoutMs: 120_000,
    })
  }

  return {
    call: async (call) => {
      const answer = await withRenewal(
        { current: deps.token.get, renewed: deps.token.renew },
        (token) => send(call, token),
        // 401 generalException means a token without the role: a new one has it no more than the old one.
        (refused) => refused.status === 401 && !hasCode(refused, 'generalException'),
        call.signal,
      )
      const isWanted = (answer.status >= 200 && answer.status < 300) || call.accept?.includes(answer.status)
      if (!isWanted) throw graphError(answer, call.subject, deps.now())
      return answer
    },
  }
}

/** The answer's JSON in a known shape; `unexpected_answer` where it has another one or was cut. */
export function read<T>(schema: z.ZodType<T>, answer: HttpAnswer): T {
  const parsed = schema.safeParse(parseJson(answer.body))
  if (parsed.success) return parsed.data
  throw new ProviderError('unexpected_answer', 'OneDrive gave an answer of an unknown shape.', {
    httpStatus: answer.status,
  })
}
