// How a browser shows a refusal: as the login page when there is no login, as a page that says what happened and where to go,
// or as a message in the page that asked through htmx.

import type { Context } from 'hono'
import type { AppEnv, Principal } from '../access/principal.ts'
import type { Problem } from '../http/problem.ts'
import { layout, messageBox, STANDSTILL_PATH } from './layout.ts'
import { html } from './markup.ts'
import { asksForPart, sendPage, withNext } from './page-response.ts'

const texts = {
  titles: {
    403: 'Not allowed',
    404: 'Nothing here',
    500: 'Something went wrong',
    503: 'Not available at the moment',
  } as Readonly<Record<number, string>>,
  otherTitle: 'That did not work',
  retry: 'Try again in a moment. Uploads go on by themselves in the meantime.',
  fault: 'The fault is in the log of the program, under the request ID of this answer.',
  administratorsOnly: 'Only administrators may change this.',
  operatorsOnly: 'Only operators and administrators may do this.',
  requestId: 'Request ID',
  home: 'To the Run History',
} as const

/** Errors at the API's own addresses stay problem documents. */
const API_PATH = /^\/(api|healthz|readyz|metrics)(\/|$)/

/** True when a browser asks for a page, or htmx for a part of one. */
export function isPageRequest(c: Context<AppEnv>): boolean {
  if (API_PATH.test(c.req.path)) return false
  return asksForPart(c) || c.req.header('accept')?.includes('text/html') === true
}

/** Never shows more than the problem says. */
export async function failurePage(c: Context<AppEnv>, problem: Problem): Promise<Response> {
  const principal: Principal | null = c.get('principal') ?? null
  const isPart = asksForPart(c)
  // A tab whose login has ended keeps its content, because something may be typed into it. Status 286 makes htmx stop polling.
  if (problem.status === 401 && c.req.path === STANDSTILL_PATH) return new Response(null, { status: 286 })
  if (problem.status === 401) return toLogin(c, isPart)
  if (problem.status === 403 && principal?.mustChangePassword === true) {
    return redirect(withNext('/password', wantedPath(c, isPart)), isPart)
  }
  const text = problem.status === 403 ? refusalText(problem, principal) : problem.message
  if (isPart) {
    const answer = await sendPage(c, messageBox({ kind: 'danger', text }), problem.status)
    answer.headers.set('hx-retarget', '#messages')
    answer.headers.set('hx-reswap', 'innerHTML')
    return answer
  }
  const title = texts.titles[problem.status] ?? texts.otherTitle
  const body = html`<div data-component="page-head"><div><h1>${title}</h1><p>${text}</p></div></div>
<div data-component="stack">
${problem.status === 503 ? html`<p>${texts.retry}</p>` : null}
${problem.status === 500 ? html`<p>${texts.fault}</p>` : null}
<p data-component="small">${texts.requestId} <code>${c.get('requestId')}</code></p>
<p><a data-component="button" href="/">${texts.home}</a></p>
</div>`
  return sendPage(c, layout({ title, principal, body }), problem.status)
}

/** Says who may do it and who is asking, instead of naming a permission. */
function refusalText({ message }: Problem, principal: Principal | null): string {
  const user = principal?.session?.user
  const permission = /^This needs the permission "([a-z:]+)"\.$/.exec(message)?.[1]
  if (user === undefined || permission === undefined) return message
  const who = permission === 'runs:write' ? texts.operatorsOnly : texts.administratorsOnly
  return `${who} You are signed in as ${user.username} (${user.role}).`
}

function toLogin(c: Context<AppEnv>, isPart: boolean): Response {
  return redirect(withNext('/login', wantedPath(c, isPart)), isPart)
}

/** The page that was asked for; null for forms, parts of pages and the first page. */
function wantedPath(c: Context<AppEnv>, isPart: boolean): string | null {
  const { pathname, search } = new URL(c.req.url)
  return c.req.method === 'GET' && !isPart && pathname !== '/' ? pathname + search : null
}

function redirect(location: string, isPart: boolean): Response {
  return isPart
    ? new Response(null, { status: 204, headers: { 'hx-redirect': location } })
    : new Response(null, { status: 303, headers: { location } })
}
