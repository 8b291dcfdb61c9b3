// Access tokens for a service account (RFC 7523, docs/providers.md, 1.1): google-auth-library signs and caches, our HTTP
// client carries. The library's token address is a constant, so the request is sent to the configured one on its way out;
// the audience in the assertion stays Google's. Keys and tokens stay in this file's closures.

import { createPrivateKey } from 'node:crypto'
import { JWT } from 'google-auth-library'
import { z } from 'zod'
import {
  type GoogleDriveCredentials,
  type GoogleDriveSettings,
  type ServiceAccount,
  serviceAccountSchema,
} from '../../../db/accounts/account-shapes.ts'
import { parseJson } from '../../../db/process/json.ts'
import { abortable } from '../../http/abortable.ts'
import type { HttpClient } from '../../http/client.ts'
import { ProviderError } from '../provider.ts'
import type { RenewableTokens } from '../token-renewal.ts'
import { tokenError } from './errors.ts'

/** The whole of Drive: `drive.file` would hide a folder that a person has shared. */
const SCOPE = 'https://www.googleapis.com/auth/drive'
const GOOGLE_TOKEN_URL = 'https://oauth2.googleapis.com/token'
const GOOGLE_API_ROOT = 'https://www.googleapis.com'
/** JSON calls are short; one that takes longer than this is given up. */
const CALL_TIMEOUT_MS = 120_000

export type GoogleEndpoints = { readonly apiRoot: string; readonly tokenUrl: string }

export interface GoogleAuth {
  /** The address of the service account, for messages. */
  readonly email: string | null
  /** A token that is good by our clock. All callers share one renewal, which goes on when a caller gives up its wait. */
  token(signal: AbortSignal): Promise<string>
  /** Tells that Google has refused this token: the next `token` is another one. */
  refuse(token: string): void
  /** The same two as `withRenewal` wants them. */
  readonly tokens: RenewableTokens
  /** For Google's libraries: addresses as configured, our HTTP client, no compressed answers. */
  readonly fetch: typeof globalThis.fetch
}

export function createGoogleAuth(deps: {
  readonly credentials: GoogleDriveCredentials
  readonly settings: GoogleDriveSettings
  readonly endpoints: GoogleEndpoints
  readonly http: HttpClient
}): GoogleAuth {
  const { settings, endpoints, http } = deps
  const account = parseAccount(deps.credentials.credentials_json)
  const fetch: typeof globalThis.fetch = (input, init = {}) => {
    const headers = new Headers(init.headers)
    // Google compresses answers for clients that allow it; ours does not unpack them.
    headers.set('accept-encoding', 'identity')
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS)
    const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout
    const { method, body } = init
    return http.fetch(configured(String(input instanceof Request ? input.url : input), endpoints), {
      headers,
      signal,
      ...(method === undefined ? {} : { method }),
      ...(body === undefined ? {} : { body }),
    })
  }
  const jwt = new JWT({
    ...(account === null ? {} : { email: account.client_email, key: account.private_key }),
    scopes: [SCOPE],
    ...(settings.subject === undefined ? {} : { subject: settings.subject }),
    // Temporal retries; the library would repeat even this POST four times.
    transporterOptions: { fetchImplementation: fetch, retryConfig: { retry: 0, noResponseRetries: 0 } },
  })

  const fresh = async (): Promise<string> => {
    if (account === null || !isUsableKey(account.private_key)) {
      throw new ProviderError('credentials_malformed', "The service account's key cannot be read.", {
        advice: 'Paste the whole key file as Google gave it.',
      })
    }
    try {
      const { token } = await jwt.getAccessToken()
      if (typeof token === 'string' && token !== '') return token
    } catch (cause) {
      throw tokenFailure(cause, settings.subject)
    }
    throw new ProviderError('unexpected_answer', "Google's token service answered without a token.")
  }
  const token = (signal: AbortSignal) => abortable(fresh, signal)
  const refuse = (bad: string) => {
    // The library would hand it out again until it expires by the clock.
    if (jwt.credentials.access_token === bad) jwt.credentials = { ...jwt.credentials, expiry_date: 1 }
  }
  const renewed = (bad: string, signal: AbortSignal) => {
    refuse(bad)
    return token(signal)
  }
  return {
    email: account?.client_email ?? null,
    token,
    refuse,
    fetch,
    tokens: { current: token, renewed },
  }
}

const refusedSchema = z.object({
  response: z.object({ status: z.number(), data: z.unknown(), headers: z.instanceof(Headers) }),
})

/** The answer that the library threw; null where it threw something else. */
export function answerOf(
  cause: unknown,
): { status: number; body: unknown; retryAfter: string | null } | null {
  const parsed = refusedSchema.safeParse(cause)
  if (!parsed.success) return null
  const { status, data, headers } = parsed.data.response
  return { status, body: data, retryAfter: headers.get('retry-after') }
}

/** The error beneath a library's wrapping; `unexpected_answer` where this program did not throw it. */
export function wrappedError(cause: unknown): ProviderError {
  for (let inner = cause; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof ProviderError) return inner
    if (inner.name === 'TimeoutError')
      return new ProviderError('network_stalled', 'Google did not answer in 2 minutes.')
  }
  return new ProviderError('unexpected_answer', 'The answer of Google could not be read.')
}

function tokenFailure(cause: unknown, subject: string | undefined): ProviderError {
  const answer = answerOf(cause)
  return answer === null ? wrappedError(cause) : tokenError(answer, subject)
}

function configured(url: string, endpoints: GoogleEndpoints): string {
  if (url === GOOGLE_TOKEN_URL) return endpoints.tokenUrl
  if (!url.startsWith(`${GOOGLE_API_ROOT}/`)) return url
  return endpoints.apiRoot.replace(/\/+$/, '') + url.slice(GOOGLE_API_ROOT.length)
}

/** Null where it is none: the first use says what is wrong. */
function parseAccount(text: string): ServiceAccount | null {
  return serviceAccountSchema.safeParse(parseJson(text)).data ?? null
}

function isUsableKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'rsa'
  } catch {
    // OpenSSL's message does not help: a key that cannot be read is malformed.
    return false
  }
}
