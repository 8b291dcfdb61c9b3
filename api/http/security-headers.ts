// The headers of every answer: nothing is framed, sniffed, cached by accident or loaded from elsewhere.

import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from '../access/principal.ts'
import type { ConnectionReader } from './client-connection.ts'

/** For JSON, which loads nothing. Pages set their own. */
const DEFAULT_CSP = "default-src 'none'; frame-ancestors 'none'"

export const DOCS_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Also for requests that are refused before the app sees them (api/http/refusals.ts). */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': DEFAULT_CSP,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'cache-control': 'no-store',
}

/** A header that the handler has set stays. */
export function securityHeaders(connectionOf: ConnectionReader): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next()
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      if (!c.res.headers.has(name)) c.header(name, value)
    }
    if (connectionOf(c).isSecure) c.header('strict-transport-security', 'max-age=31536000')
  }
}
