// Access tokens. A refresh token is exchanged by a form in the body of the request: the library would put it and the
// app secret into the URL, where proxies log it (docs/providers.md, 2.6). All callers share one exchange.

import { z } from 'zod'
import type { DropboxCredentials } from '../../../db/accounts/account-shapes.ts'
import { parseJson } from '../../../db/process/json.ts'
import { isRetryable } from '../../../workflows/errors.ts'
import { abortable } from '../../http/abortable.ts'
import type { HttpClient } from '../../http/client.ts'
import { ProviderError } from '../provider.ts'
import type { RenewableTokens } from '../token-renewal.ts'
import { failureFrom } from './answers.ts'
import { errorOf } from './errors.ts'

/** A token is renewed this long before its end, but not before half its life. */
const MARGIN_MS = 300_000

/** `renewed` is null where the credentials are a bare access token. */
export type DropboxTokens = RenewableTokens & { readonly isRenewable: boolean }

/** Errors of an OAuth server about credentials (RFC 6749, section 5.2). All others mean a service in trouble. */
const GRANT_REFUSALS: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
])

const tokenSchema = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() })

type Token = { readonly value: string; readonly renewAt: number; readonly endsAt: number }

export function createDropboxTokens(deps: {
  readonly credentials: DropboxCredentials
  readonly apiRoot: string
  readonly http: HttpClient
  readonly now: () => number
}): DropboxTokens {
  const { credentials, apiRoot, http, now } = deps
  if ('access_token' in credentials) {
    const { access_token } = credentials
    return { isRenewable: false, current: async () => access_token, renewed: async () => null }
  }

  let token: Token | undefined
  let pending: Promise<Token> | undefined

  const exchange = async (): Promise<Token> => {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credentials.refresh_token,
      client_id: credentials.app_key,
      ...(credentials.app_secret === undefined ? {} : { client_secret: credentials.app_secret }),
    })
    const asked = now()
    const answer = await http.request({
      method: 'POST',
      url: `${apiRoot}/oauth2/token`,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    })
    const body = jsonOrText(answer.body.toString('utf8'))
    if (answer.status !== 200) {
      const failure = failureFrom(answer.status, (name) => headerText(answer.headers[name]), body, now())
      if (answer.status === 401 && !GRANT_REFUSALS.has(failure.reason)) throw tokenRefused(failure.requestId)
      throw errorOf(failure)
    }
    const parsed = tokenSchema.safeParse(body)
    if (!parsed.success)
      throw new ProviderError('unexpected_answer', 'Dropbox gave no token that can be read.')
    const lifeMs = parsed.data.expires_in * 1000
    return {
      value: parsed.data.access_token,
      renewAt: asked + lifeMs - Math.min(MARGIN_MS, lifeMs / 2),
      endsAt: asked + lifeMs,
    }
  }
  const renew = (): Promise<Token> => {
    pending ??= exchange()
      .then((fresh) => {
        token = fresh
        return fresh
      })
      .finally(() => {
        pending = undefined
      })
    return pending
  }
  return {
    isRenewable: true,
    current: async (signal) => {
      signal.throwIfAborted()
      if (token === undefined) return (await abortable(renew, signal)).value
      if (now() < token.renewAt) return token.value
      const held = token
      try {
        return (await abortable(renew, signal)).value
      } catch (cause) {
        // A passing fault at the token endpoint does not matter while the old token is still good.
        const isPassing = cause instanceof ProviderError && isRetryable(cause.code)
        if (isPassing && now() < held.endsAt) return held.value
        throw cause
      }
    },
    renewed: async (refused, signal) => {
      signal.throwIfAborted()
      if (token !== undefined && token.value !== refused) return token.value
      return (await abortable(renew, signal)).value
    },
  }
}

/** Refused although there is a refresh token: it heals, or the token endpoint says what is wrong. */
export function tokenRefused(requestId: string | undefined): ProviderError {
  return new ProviderError('token_refused', 'Dropbox refuses a token that it has just given.', {
    httpStatus: 401,
    requestId,
  })
}

/** JSON, or the text as it is. */
export function jsonOrText(text: string): unknown {
  const json = parseJson(text)
  return json === undefined ? text : json
}

/** A header's value where it stands once. */
export function headerText(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0]
}
