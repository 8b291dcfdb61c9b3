// The cookie of a login. Behind TLS it has the __Host- prefix and is Secure. Over plain HTTP, which is meant for loopback,
// browsers would not keep such a cookie, so it has neither. Its value is random and has no meaning.

import { createHash, randomBytes } from 'node:crypto'
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { AppEnv } from './principal.ts'

const NAME = 'cloud_sync_session'
const TOKEN_BYTES = 32

/** A session ends after this long without a request, and after this long in any case. */
export const SESSION_IDLE_MS = 12 * 3_600_000
export const SESSION_LIFE_MS = 7 * 86_400_000

/** A random value for a cookie or token. */
export function newSecret(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

/** What the database keeps of a cookie or token. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Over TLS the name without the prefix is ignored: another host of the same domain can set a cookie of that name. */
export function readSessionCookie(c: Context<AppEnv>, isSecure: boolean): string | undefined {
  return isSecure ? getCookie(c, NAME, 'host') : getCookie(c, NAME)
}

/** Scripts and other sites do not get the cookie. */
export function writeSessionCookie(c: Context<AppEnv>, value: string, isSecure: boolean): void {
  const options = { httpOnly: true, sameSite: 'Lax', path: '/', maxAge: SESSION_LIFE_MS / 1000 } as const
  if (isSecure) setCookie(c, NAME, value, { ...options, secure: true, prefix: 'host' })
  else setCookie(c, NAME, value, options)
}

/** Over TLS, also clears a cookie without the prefix. */
export function clearSessionCookie(c: Context<AppEnv>, isSecure: boolean): void {
  if (isSecure) deleteCookie(c, NAME, { path: '/', secure: true, prefix: 'host' })
  deleteCookie(c, NAME, { path: '/' })
}
