// A page or a part of one as an answer: strict Content-Security-Policy (no inline script or style, nothing from other
// hosts), compressed, never cached. The Referrer-Policy differs from the API's, because with `no-referrer` a browser
// sends `Origin: null` with a form, which the protection against foreign pages refuses.

import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'hono'
import type { AppEnv } from '../access/principal.ts'
import type { ProblemStatus } from '../http/problem.ts'
import { layout, type PageFrame } from './layout.ts'
import type { Markup } from './markup.ts'

const zip = promisify(gzip)
/** Smaller pages are not worth compressing. */
const SMALLEST_ZIPPED = 1_000

const PAGE_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Compressed where the browser accepts it. */
export async function sendPage(
  c: Context<AppEnv>,
  markup: Markup,
  status: 200 | ProblemStatus = 200,
): Promise<Response> {
  const text = String(await markup)
  const headers = new Headers({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': PAGE_CSP,
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
    vary: 'accept-encoding, hx-request',
  })
  const mayZip = c.req.header('accept-encoding')?.includes('gzip') === true
  if (!mayZip || text.length < SMALLEST_ZIPPED) return new Response(text, { status, headers })
  headers.set('content-encoding', 'gzip')
  return new Response(new Uint8Array(await zip(text, { level: 5 })), { status, headers })
}

/** A whole page for whoever is logged in. */
export function sendWholePage(
  c: Context<AppEnv>,
  frame: Omit<PageFrame, 'principal'>,
  status: 200 | ProblemStatus = 200,
): Promise<Response> {
  return sendPage(c, layout({ ...frame, principal: c.get('principal') }), status)
}

/** True when htmx asks for a part of a page. */
export function asksForPart(c: Context<AppEnv>): boolean {
  return c.req.header('hx-request') === 'true' && c.req.header('hx-history-restore-request') !== 'true'
}

/** After a form was carried out. The browser continues with GET, so that a reload does nothing twice. */
export function redirectTo(c: Context<AppEnv>, address: string, cookies: readonly string[] = []): Response {
  const location = headerText(address)
  const headers = new Headers(asksForPart(c) ? { 'hx-redirect': location } : { location })
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  return new Response(null, { status: asksForPart(c) ? 204 : 303, headers })
}

/** The address of the login or password page, which leads to `next` afterwards. */
export function withNext(path: string, next: string | null): string {
  return next === null ? path : `${path}?next=${encodeURIComponent(next)}`
}

/** Encodes what a header cannot carry. What is encoded already stays as it is. */
function headerText(address: string): string {
  return address.toWellFormed().replaceAll(/[^\x21-\x7e]+/g, encodeURIComponent)
}
