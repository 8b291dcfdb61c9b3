// Who is asking: a bearer token for programs, a session cookie for browsers. Every operation but the few public ones needs
// one, and the answer to a wrong one does not say why it is wrong. A request that a page of another site makes a browser
// send (CSRF) is refused before anything else is read of it.

import { timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { personBehind, useApiToken } from '../../db/access/api-tokens.ts'
import { findSessionUser, touchUserSession } from '../../db/access/user-sessions.ts'
import type { Db } from '../../db/database.ts'
import type { Config } from '../../db/process/config.ts'
import type { Logger } from '../../db/process/log.ts'
import type { ConnectionReader } from '../http/client-connection.ts'
import { Problem } from '../http/problem.ts'
import { PERMISSIONS, type Permission, permissionsOfToken, ROLE_PERMISSIONS } from './permissions.ts'
import type { AppEnv, Principal } from './principal.ts'
import { readSessionCookie, SESSION_IDLE_MS, secretHash } from './session-cookie.ts'

const LOGIN_FORM = 'POST /login'

/** Without a login: probes, the login itself, and the description of the API, which is no secret. */
const PUBLIC = new Set([
  'GET /healthz',
  'GET /readyz',
  'POST /api/session',
  'GET /api/openapi.json',
  'GET /api/docs',
  LOGIN_FORM,
  'GET /login',
])
const PUBLIC_PREFIXES = ['GET /api/docs/', 'GET /assets/']

/** What a user may do before the first password was changed. */
const WITH_OLD_PASSWORD = new Set([
  'GET /api/session',
  'DELETE /api/session',
  'PUT /api/session/password',
  'GET /password',
  'POST /password',
  'POST /logout',
])

const CHALLENGE = { 'www-authenticate': 'Bearer realm="cloud-sync"' }
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Sent by parts of a page that renew themselves after an event, without a person. */
const RENEWAL_HEADER = 'x-renewal'
/** A shorter token can be guessed. */
const SHORTEST_API_TOKEN = 16

type AuthDeps = {
  readonly db: Db
  readonly config: Pick<Config, 'apiToken'>
  readonly connectionOf: ConnectionReader
}

/** Every request passes here: it gets its principal, or is refused with 401 or 403. */
export function authenticate(deps: AuthDeps & { readonly log: Logger }): MiddlewareHandler<AppEnv> {
  warnOfShortToken(deps)
  return async (c, next) => {
    const operation = `${c.req.method === 'HEAD' ? 'GET' : c.req.method} ${c.req.path}`
    // The login form is protected too: a page of another site must not log a browser in as somebody else.
    const isOfBrowser = sessionCookieOf(deps, c) !== undefined || operation === LOGIN_FORM
    if (isOfBrowser && c.req.header('authorization') === undefined) refuseForeignPage(c, deps.connectionOf)
    if (!PUBLIC.has(operation) && !PUBLIC_PREFIXES.some((prefix) => operation.startsWith(prefix))) {
      const principal = await principalOf(deps, c)
      if (principal === null)
        throw new Problem(401, 'This needs a valid token or a login.', { headers: CHALLENGE })
      c.set('principal', principal)
      if (principal.session !== null && !isOfOpenTab(c)) {
        await touchUserSession(deps.db, principal.session.token_hash)
      }
      if (principal.mustChangePassword && !WITH_OLD_PASSWORD.has(operation)) {
        throw new Problem(403, 'Change the password first: PUT /api/session/password.')
      }
    }
    await next()
  }
}

/**
 * Who sends the request; null when its token or session is not valid, or no longer. This does not count as a use of the
 * session, because streams ask all the time.
 */
async function principalOf(deps: AuthDeps, c: Context<AppEnv>): Promise<Principal | null> {
  const header = c.req.header('authorization')
  if (header !== undefined) return ofToken(deps, /^bearer +([^\s]+) *$/i.exec(header)?.[1])
  const cookie = sessionCookieOf(deps, c)
  return cookie === undefined ? null : ofSession(deps, secretHash(cookie))
}

/** For streams: whether the login that opened the stream still has the permission. */
export function stillMay(deps: AuthDeps, c: Context<AppEnv>, permission: Permission): () => Promise<boolean> {
  return async () => (await principalOf(deps, c))?.permissions.has(permission) === true
}

function sessionCookieOf({ connectionOf }: AuthDeps, c: Context<AppEnv>): string | undefined {
  return readSessionCookie(c, connectionOf(c).isSecure)
}

/** What an open tab sends without a person: a stream that connects or reconnects, and parts that renew themselves. */
function isOfOpenTab(c: Context<AppEnv>): boolean {
  const isStream = c.req.header('accept')?.includes('text/event-stream') === true
  return isStream || c.req.header(RENEWAL_HEADER) !== undefined
}

function warnOfShortToken({ config, log }: Pick<AuthDeps, 'config'> & { readonly log: Logger }): void {
  if (config.apiToken === null || config.apiToken.length >= SHORTEST_API_TOKEN) return
  log.warn(
    `API_TOKEN has fewer than ${SHORTEST_API_TOKEN} characters, and may do everything: choose a long random one`,
  )
}

async function ofToken({ db, config }: AuthDeps, token: string | undefined): Promise<Principal | null> {
  if (token === undefined) return null
  if (config.apiToken !== null && sameText(token, config.apiToken)) {
    const permissions = new Set(PERMISSIONS)
    return { actor: 'token', person: null, permissions, mustChangePassword: false, session: null }
  }
  const found = await useApiToken(db, secretHash(token))
  if (found === null) return null
  return {
    actor: `token:${found.name}`,
    person: personBehind(found.created_by),
    permissions: new Set(permissionsOfToken(found)),
    mustChangePassword: false,
    session: null,
  }
}

async function ofSession({ db }: AuthDeps, tokenHash: string): Promise<Principal | null> {
  const user = await findSessionUser(db, tokenHash, SESSION_IDLE_MS)
  if (user === null) return null
  const actor = `user:${user.username}`
  return {
    actor,
    person: actor,
    permissions: new Set(ROLE_PERMISSIONS[user.role]),
    mustChangePassword: user.must_change_password,
    session: { token_hash: tokenHash, user },
  }
}

/**
 * Browsers say where a request comes from, in Sec-Fetch-Site or in Origin. A client that says neither is no browser, or
 * an old browser, which the cookie's SameSite protects.
 */
function refuseForeignPage(c: Context<AppEnv>, connectionOf: ConnectionReader): void {
  if (SAFE_METHODS.has(c.req.method)) return
  const site = c.req.header('sec-fetch-site')
  const origin = c.req.header('origin')
  const isOwn =
    site === undefined
      ? origin === undefined || (URL.canParse(origin) && new URL(origin).host === connectionOf(c).host)
      : site === 'same-origin' || site === 'none'
  if (!isOwn) throw new Problem(403, 'The request comes from a page of another site.')
}

/** In constant time: the duration does not tell where the texts differ. */
function sameText(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(secretHash(one)), Buffer.from(secretHash(other)))
}
