// Google's token endpoint for service accounts: the signed assertion is really verified (RFC 7523), and every refusal
// has Google's own words (docs/providers.md, 1.1).

import { type KeyObject, randomBytes, verify } from 'node:crypto'
import { z } from 'zod'
import type { CloudAnswer } from '../cloud-server.ts'
import { refuse, tokenRefusal } from './drive-error.ts'

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const REAL_TOKEN_URL = 'https://oauth2.googleapis.com/token'
export const DRIVE_SCOPE = 'https://www.googleapis.com/auth/drive'
/** The clock of a caller may be this wrong. */
const LEEWAY_SECONDS = 300

const headerSchema = z.object({ alg: z.literal('RS256') })
const claimsSchema = z.object({
  iss: z.string(),
  scope: z.string(),
  aud: z.string(),
  iat: z.number(),
  exp: z.number(),
  sub: z.string().optional(),
})

export type TokenOptions = {
  readonly serviceAccount: string
  readonly publicKey: KeyObject
  /** The user for whom domain-wide delegation is granted. */
  readonly person: string
  readonly tokenLifeSeconds: number
  readonly now: () => number
  /** Set when the server listens: its own address also counts as audience. */
  ownTokenUrl(): string
}

export interface TokenEndpoint {
  answer(form: URLSearchParams): CloudAnswer
  /** The account that a request acts for; throws 401. */
  accountOf(authorization: string | undefined): string
  /** Makes all tokens given so far invalid. */
  revokeAll(): void
  /** Refuses the key from now on, as after its deletion in the console. */
  deleteKey(): void
}

export function createTokenEndpoint(options: TokenOptions): TokenEndpoint {
  const tokens = new Map<string, { readonly account: string; readonly endsAt: number }>()
  let isKeyDeleted = false
  return {
    answer: (form) => {
      if (form.get('grant_type') !== JWT_BEARER) {
        throw tokenRefusal(400, 'unsupported_grant_type', 'Invalid grant_type')
      }
      const account = accountOfAssertion(form.get('assertion') ?? '', options, isKeyDeleted)
      const token = `ya29.c.${randomBytes(48).toString('base64url')}`
      tokens.set(token, { account, endsAt: options.now() + options.tokenLifeSeconds * 1000 })
      return {
        status: 200,
        body: { access_token: token, expires_in: options.tokenLifeSeconds, token_type: 'Bearer' },
      }
    },
    accountOf: (authorization) => {
      const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1]
      if (token === undefined) throw refuse(401, 'required', 'Login Required.')
      const known = tokens.get(token)
      if (known === undefined || known.endsAt <= options.now())
        throw refuse(401, 'authError', 'Invalid Credentials')
      return known.account
    },
    revokeAll: () => tokens.clear(),
    deleteKey: () => {
      isKeyDeleted = true
    },
  }
}

function accountOfAssertion(assertion: string, options: TokenOptions, isKeyDeleted: boolean): string {
  const [header = '', payload = '', signature = ''] = assertion.split('.')
  const head = headerSchema.safeParse(decode(header))
  const parsed = claimsSchema.safeParse(decode(payload))
  if (!head.success || !parsed.success)
    throw tokenRefusal(400, 'invalid_grant', 'Invalid JWT: Failed audience check.')
  const claims = parsed.data
  if (claims.iss !== options.serviceAccount) {
    throw tokenRefusal(400, 'invalid_grant', 'Invalid grant: account not found')
  }
  const signed = Buffer.from(`${header}.${payload}`)
  const isSigned = verify('sha256', signed, options.publicKey, Buffer.from(signature, 'base64url'))
  if (!isSigned || isKeyDeleted) throw tokenRefusal(400, 'invalid_grant', 'Invalid JWT Signature.')
  if (claims.aud !== REAL_TOKEN_URL && claims.aud !== options.ownTokenUrl()) {
    throw tokenRefusal(400, 'invalid_grant', 'Invalid JWT: Failed audience check.')
  }
  const nowSeconds = options.now() / 1000
  const isInTime = claims.iat <= nowSeconds + LEEWAY_SECONDS && claims.exp > nowSeconds - LEEWAY_SECONDS
  if (!isInTime || claims.exp - claims.iat > 3600) {
    throw tokenRefusal(
      400,
      'invalid_grant',
      'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
    )
  }
  const scopes = claims.scope.split(' ')
  if (!scopes.every((scope) => scope.startsWith(DRIVE_SCOPE))) {
    throw tokenRefusal(400, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.')
  }
  if (claims.sub === undefined || claims.sub === options.serviceAccount) return options.serviceAccount
  if (claims.sub !== options.person) throw tokenRefusal(400, 'invalid_grant', 'Invalid email or User ID')
  if (!scopes.includes(DRIVE_SCOPE)) {
    throw tokenRefusal(
      401,
      'unauthorized_client',
      'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
    )
  }
  return options.person
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString())
  } catch {
    // No JSON is no JWT: the schema refuses it.
    return null
  }
}
