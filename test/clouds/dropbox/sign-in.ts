// Tokens of the emulated Dropbox: the refresh grant (arguments in the body or in the query, as both are seen in the
// wild), access tokens that end, scopes, and the ways in which a bad token is refused.

import { randomBytes } from 'node:crypto'
import type { CloudAnswer, CloudRequest } from '../cloud-server.ts'
import { oauthRefusal, Refusal, tagged } from './refusals.ts'

export const REFRESH_TOKEN = 'test-refresh-token-of-the-emulator'
export const APP_KEY = 'testappkey'
export const APP_SECRET = 'testappsecret'
export const ALL_SCOPES = [
  'account_info.read',
  'files.metadata.read',
  'files.metadata.write',
  'files.content.read',
  'files.content.write',
]

export interface SignIn {
  answerToken(request: CloudRequest): Promise<CloudAnswer>
  /** A new access token. */
  issue(): string
  /** Throws the refusal of a call that may not be made. */
  admit(authorization: string | undefined, scope: string | null): void
  /** Ends every access token that is out. */
  expireAll(): void
  revokeAll(): void
  /** Refuses the refresh token from now on. */
  revokeRefreshToken(): void
  exchanges(): number
}

export function createSignIn(options: {
  readonly lifeSeconds: number
  readonly scopes: readonly string[]
  readonly now: () => number
}): SignIn {
  const tokens = new Map<string, number>()
  let isRevoked = false
  let exchanges = 0
  const issue = () => {
    const token = `sl.u.${randomBytes(24).toString('base64url')}`
    tokens.set(token, options.now() + options.lifeSeconds * 1000)
    return token
  }
  return {
    issue,
    exchanges: () => exchanges,
    expireAll: () => {
      for (const token of tokens.keys()) tokens.set(token, 0)
    },
    revokeAll: () => tokens.clear(),
    revokeRefreshToken: () => {
      isRevoked = true
    },
    answerToken: async (request) => {
      const body = (await request.readBody()).toString()
      const form = new URLSearchParams(request.url.search ? request.url.search : body)
      const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1]
      const [user, password] = basic ? Buffer.from(basic, 'base64').toString().split(':') : []
      if (form.get('grant_type') !== 'refresh_token') {
        throw oauthRefusal('unsupported_grant_type', 'grant_type must be refresh_token')
      }
      if ((form.get('client_id') ?? user) !== APP_KEY)
        throw oauthRefusal('invalid_client', 'Invalid client_id or client_secret')
      // An app that signs in with PKCE has no secret.
      const secret = form.get('client_secret') ?? password
      if (secret && secret !== APP_SECRET)
        throw oauthRefusal('invalid_client', 'Invalid client_id or client_secret')
      const refresh = form.get('refresh_token')
      if (refresh !== REFRESH_TOKEN || isRevoked) {
        throw oauthRefusal('invalid_grant', 'refresh token is invalid or revoked')
      }
      exchanges += 1
      return {
        status: 200,
        body: { access_token: issue(), token_type: 'bearer', expires_in: options.lifeSeconds },
      }
    },
    admit: (authorization, scope) => {
      const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1]
      if (token === undefined) {
        throw new Refusal({
          status: 400,
          body: 'Must provide HTTP header "Authorization" or URL parameter "authorization".',
        })
      }
      if (!token.startsWith('sl.')) {
        throw new Refusal({ status: 400, body: 'The given OAuth 2 access token is malformed.' })
      }
      const endsAt = tokens.get(token)
      if (endsAt === undefined) throw tagged(401, 'invalid_access_token')
      if (endsAt <= options.now()) throw tagged(401, 'expired_access_token')
      if (scope !== null && !options.scopes.includes(scope)) {
        throw tagged(401, 'missing_scope', { required_scope: scope })
      }
    },
  }
}
