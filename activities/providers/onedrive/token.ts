// The application's access token, by MSAL over this program's own HTTP client: the same TLS, proxy and redirect rules
// as everywhere. One request for all concurrent callers; MSAL keeps the token until 5 minutes before it ends.
// Nothing of MSAL's errors is passed on: they quote the answer's text.

import { randomUUID } from 'node:crypto'
import { ConfidentialClientApplication, type INetworkModule, type NetworkResponse } from '@azure/msal-node'
import type { OneDriveCredentials } from '../../../db/accounts/account-shapes.ts'
import { parseJson } from '../../../db/process/json.ts'
import { abortable } from '../../http/abortable.ts'
import type { HttpAnswer, HttpClient } from '../../http/client.ts'
import { ProviderError } from '../provider.ts'
import { checkSignInUrl, graphScope } from './hosts.ts'
import { signInError } from './sign-in-errors.ts'

/** MSAL waits no longer than an hour, and a minute where no pause is named, before it asks again after 429 or 5xx. */
const MAX_PAUSE_MS = 3_600_000
const DEFAULT_PAUSE_MS = 60_000
const MICROSOFT_AUTHORITIES = [
  'login.microsoftonline.com',
  'login.microsoftonline.us',
  'login.partner.microsoftonline.cn',
]

export interface TokenSource {
  /** A token that is good for some minutes. */
  get(signal: AbortSignal): Promise<string>
  /** A token other than this one, which Graph refused. */
  renew(refused: string, signal: AbortSignal): Promise<string>
}

type Deps = {
  readonly credentials: OneDriveCredentials
  readonly endpoints: { readonly graphRoot: string; readonly authorityRoot: string }
  readonly http: HttpClient
  readonly now: () => number
}

/** How the last request of MSAL ended: MSAL's own errors do not carry that. */
type Outcome = { readonly answer?: HttpAnswer; readonly failure?: unknown }

export function createTokenSource(deps: Deps): TokenSource {
  const network = createNetwork(deps)
  let application: ConfidentialClientApplication | undefined
  let pending: Promise<string> | undefined
  let renewing: Promise<string> | undefined
  let current: string | undefined
  let pause: { readonly until: number; readonly error: ProviderError } | undefined

  async function acquire(skipCache: boolean): Promise<string> {
    network.outcome = undefined
    try {
      application ??= createApplication(deps, network.module)
      const result = await application.acquireTokenByClientCredential({
        scopes: [graphScope(deps.endpoints.graphRoot)],
        skipCache,
        correlationId: randomUUID(),
      })
      if (result !== null && result.accessToken !== '') {
        current = result.accessToken
        return current
      }
    } catch (cause) {
      throw failure(cause)
    }
    throw new ProviderError('unexpected_answer', "Microsoft's sign-in service gave no token.")
  }

  function failure(cause: unknown): unknown {
    const outcome: Outcome | undefined = network.outcome
    if (outcome?.failure !== undefined) return outcome.failure
    if (outcome?.answer !== undefined) {
      const error = signInError(outcome.answer, deps.now())
      const { status } = outcome.answer
      if (status === 429 || status >= 500 || error.retryAfterMs !== undefined) {
        const wait = Math.min(error.retryAfterMs ?? DEFAULT_PAUSE_MS, MAX_PAUSE_MS)
        pause = { until: deps.now() + wait, error }
      }
      return error
    }
    if (pause !== undefined) {
      // No request was made: MSAL itself keeps to the pause that Microsoft asked for.
      const { error, until } = pause
      return new ProviderError(error.code, error.fact, {
        advice: error.advice,
        httpStatus: error.httpStatus,
        retryAfterMs: Math.max(1000, until - deps.now()),
        requestId: error.requestId,
      })
    }
    const name = cause instanceof Error && 'errorCode' in cause ? String(cause.errorCode) : undefined
    if (name === undefined) return cause
    return new ProviderError('account_misconfigured', `The sign-in cannot be tried (${name}).`, {
      advice: 'Check tenant and client ID.',
    })
  }

  function getShared(): Promise<string> {
    if (renewing !== undefined) return renewing
    pending ??= acquire(false).finally(() => {
      pending = undefined
    })
    return pending
  }

  function renewShared(): Promise<string> {
    // After a running request, which may return the refused token from the cache; its own callers get its failure.
    const before = pending ?? Promise.resolve()
    const renew = () => acquire(true)
    renewing ??= before.then(renew, renew).finally(() => {
      renewing = undefined
    })
    return renewing
  }

  return {
    get: (signal) => abortable(getShared, signal),
    renew: (refused, signal) => abortable(current === refused ? renewShared : getShared, signal),
  }
}

function createApplication(deps: Deps, networkClient: INetworkModule): ConfidentialClientApplication {
  const root = new URL(deps.endpoints.authorityRoot)
  const { tenant_id, client_id, client_secret } = deps.credentials
  const authority = `${root.href.replace(/\/+$/, '')}/${encodeURIComponent(tenant_id)}`
  return new ConfidentialClientApplication({
    auth: {
      clientId: client_id,
      clientSecret: client_secret,
      authority,
      // Stated here instead of asked for: one request less, and a gateway needs only the token endpoint.
      authorityMetadata: JSON.stringify({
        authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
        token_endpoint: `${authority}/oauth2/v2.0/token`,
        jwks_uri: `${authority}/discovery/v2.0/keys`,
        issuer: `${authority}/v2.0`,
      }),
      // Without this MSAL would ask login.microsoftonline.com about a host that it does not know.
      ...(MICROSOFT_AUTHORITIES.includes(root.host) ? {} : { knownAuthorities: [root.host] }),
    },
    system: { networkClient, disableInternalRetries: true },
  })
}

function createNetwork(deps: Deps): { readonly module: INetworkModule; outcome: Outcome | undefined } {
  const state: { module: INetworkModule; outcome: Outcome | undefined } = {
    outcome: undefined,
    module: {
      sendGetRequestAsync: (url, options) => send('GET', url, options?.headers),
      sendPostRequestAsync: (url, options) => send('POST', url, options?.headers, options?.body ?? ''),
    },
  }
  async function send<T>(
    method: 'GET' | 'POST',
    url: string,
    headers: Record<string, string> | undefined,
    body?: string,
  ): Promise<NetworkResponse<T>> {
    try {
      checkSignInUrl(url, deps.endpoints.authorityRoot)
      const answer = await deps.http.request({ method, url, headers, body })
      state.outcome = { answer }
      const parsed = parseJson(answer.body)
      if (typeof parsed !== 'object' || parsed === null) throw signInError(answer, deps.now())
      // MSAL checks the shape of what it reads.
      return { status: answer.status, headers: plainHeaders(answer), body: parsed as T }
    } catch (failure) {
      state.outcome = { failure }
      throw failure
    }
  }
  return state
}

function plainHeaders(answer: HttpAnswer): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer.headers))
    if (typeof value === 'string') plain[name] = value
  return plain
}
