// The calls themselves: RPC calls through the official library, bulk calls straight through our HTTP client (the
// library would hold each chunk in memory and names no length). Both get the token, the path root and the renewal of
// a token that was refused here, so that no other file knows of them.

import { Dropbox, type DropboxResponse, DropboxResponseError } from 'dropbox'
import { z } from 'zod'
import type { HttpBody, HttpClient } from '../../http/client.ts'
import { ProviderError } from '../provider.ts'
import { withRenewal } from '../token-renewal.ts'
import { accountSchema, type DropboxAccount, type DropboxAnswer, failureFrom } from './answers.ts'
import { errorOf } from './errors.ts'
import { type DropboxTokens, headerText, jsonOrText, tokenRefused } from './tokens.ts'

/** The library's own addresses, which are replaced by the configured root. */
const LIBRARY_ROOT = 'https://api.dropboxapi.com'
const CALL_TIMEOUT_MS = 120_000

export type DropboxEndpoints = {
  /** https://api.dropboxapi.com */
  readonly apiRoot: string
  /** https://content.dropboxapi.com */
  readonly contentRoot: string
}

export type CallOptions = { readonly signal: AbortSignal }
type Call = (client: Dropbox, options: CallOptions) => Promise<DropboxResponse<unknown>>

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

export type TeamRoot = {
  readonly namespace: string
  /** The member's own folder in the team's space. */
  readonly homePath: string | null
}

export interface DropboxConnection {
  /** Where paths begin in a team with a shared space; null for all other accounts. */
  teamRoot(signal: AbortSignal): Promise<TeamRoot | null>
  /** A call about the user: no path root. */
  userCall<T>(schema: z.ZodType<T>, call: Call, signal: AbortSignal): Promise<DropboxAnswer<T>>
  /** A call about files, through the library. */
  fileCall<T>(schema: z.ZodType<T>, call: Call, signal: AbortSignal): Promise<DropboxAnswer<T>>
  /** A call with bytes. */
  contentCall<T>(schema: z.ZodType<T>, call: ContentCall, signal: AbortSignal): Promise<DropboxAnswer<T>>
}

export function createDropboxConnection(deps: {
  readonly endpoints: DropboxEndpoints
  readonly tokens: DropboxTokens
  readonly http: HttpClient
  readonly now: () => number
}): DropboxConnection {
  const { endpoints, tokens, http, now } = deps
  /** Undefined until it has been found out. */
  let teamRoot: TeamRoot | null | undefined

  const clientFor = (headers: Record<string, string>) => {
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
  const ask = async <T>(
    schema: z.ZodType<T>,
    headers: Record<string, string>,
    call: Call,
    signal: AbortSignal,
  ): Promise<DropboxAnswer<T>> => {
    signal.throwIfAborted()
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS)
    try {
      const response = await call(clientFor(headers), { signal: AbortSignal.any([signal, timeout]) })
      return { ok: true, result: parsed(schema, response.result), date: headersOf(response).get('date') }
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      if (timeout.aborted) throw new ProviderError('network_stalled', 'Dropbox did not answer for 120 s.')
      if (!(cause instanceof DropboxResponseError)) throw cause
      const received = headersOf(cause)
      const failure = failureFrom(cause.status, (name) => received.get(name) ?? undefined, cause.error, now())
      return { ok: false, failure }
    }
  }
  const askAccount = async (signal: AbortSignal): Promise<DropboxAccount> => {
    const answer = await ask(
      accountSchema,
      {},
      (client, options) => client.usersGetCurrentAccount(options),
      signal,
    )
    if (!answer.ok) throw errorOf(answer.failure)
    return answer.result
  }
  const rootHeader = (root: TeamRoot | null): Record<string, string> =>
    root === null ? {} : { 'Dropbox-API-Path-Root': JSON.stringify({ '.tag': 'root', root: root.namespace }) }
  /**
   * The root that paths begin at. Apps that see only their own folder may not choose one, which only a call can tell:
   * it is tried once, so that all paths of this account mean the same from the first call on.
   */
  const findRoot = async (signal: AbortSignal): Promise<TeamRoot | null> => {
    if (teamRoot !== undefined) return teamRoot
    const { root_info } = await askAccount(signal)
    if (root_info.root_namespace_id === root_info.home_namespace_id) {
      teamRoot = null
      return null
    }
    const found = { namespace: root_info.root_namespace_id, homePath: root_info.home_path ?? null }
    const answer = await ask(
      z.unknown(),
      rootHeader(found),
      (client, options) => client.filesListFolder({ path: '', limit: 1 }, options),
      signal,
    )
    if (answer.ok) teamRoot = found
    else if (answer.failure.status === 422 && answer.failure.reason.startsWith('no_permission'))
      teamRoot = null
    else throw errorOf(answer.failure)
    return teamRoot
  }
  /** Repeats a call once where the team's space has got another root. */
  const rooted = async <T>(
    attempt: (headers: Record<string, string>) => Promise<DropboxAnswer<T>>,
    signal: AbortSignal,
  ): Promise<DropboxAnswer<T>> => {
    const answer = await attempt(rootHeader(await findRoot(signal)))
    if (answer.ok || answer.failure.status !== 422 || !answer.failure.reason.startsWith('invalid_root'))
      return answer
    teamRoot = undefined
    return attempt(rootHeader(await findRoot(signal)))
  }
  const sendContent = async <T>(
    schema: z.ZodType<T>,
    headers: Record<string, string>,
    call: ContentCall,
    signal: AbortSignal,
  ): Promise<DropboxAnswer<T>> => {
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
  return {
    teamRoot: findRoot,
    userCall: (schema, call, signal) => ask(schema, {}, call, signal),
    fileCall: (schema, call, signal) => rooted((headers) => ask(schema, headers, call, signal), signal),
    contentCall: (schema, call, signal) =>
      rooted((headers) => sendContent(schema, headers, call, signal), signal),
  }
}

/** JSON for a header: everything outside of printable ASCII as \uXXXX (docs/providers.md, 2.2). */
export function headerSafeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const taggedErrorSchema = z.object({ error: z.object({ '.tag': z.string() }) })

/** True where another token may be taken: a missing scope does not heal by one, an answer that cannot be read may. */
function isTokenRefused(body: unknown): boolean {
  const tag = taggedErrorSchema.safeParse(body).data?.error['.tag']
  return tag === undefined || tag === 'expired_access_token' || tag === 'invalid_access_token'
}

/** A 200 that cannot be read may have done its work: callers look again. */
function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new ProviderError('unexpected_answer', 'Dropbox answered something that cannot be read.', {
    httpStatus: 200,
  })
}

function plainHeaders(headers: RequestInit['headers']): Record<string, string> {
  return Object.fromEntries(new Headers(headers))
}

/** The library leaves the type of its answers' headers open. */
function headersOf(answer: { readonly headers: unknown }): Headers {
  return answer.headers instanceof Headers ? answer.headers : new Headers()
}
