// /login, /logout and /password: the pages of a login. The work is done by the API's session operations.

import { Hono } from 'hono'
import type { AppEnv } from '../../access/principal.ts'
import type { ApiCall, ApiProblem } from '../../ui/api-call.ts'
import { formOf } from '../../ui/form-data.ts'
import { redirectTo, sendPage } from '../../ui/page-response.ts'
import { loginPage, PASSWORDS_DIFFER, passwordPage } from './pages.ts'

export function sessionPages(callApi: ApiCall) {
  const app = new Hono<AppEnv>()

  app.get('/login', (c) => {
    const page = loginPage({
      next: ownPath(c.req.query('next')),
      isLoggedOut: c.req.query('logged_out') !== undefined,
    })
    return sendPage(c, page)
  })

  app.post('/login', async (c) => {
    const form = await formOf(c)
    const next = ownPath(form.text('next'))
    const username = form.text('username')
    const answer = await callApi(c, 'POST', '/api/session', { username, password: form.secret('password') })
    if (!answer.ok) {
      const page = loginPage({ next, username, problem: answer.problem })
      return sendPage(c, page, answer.problem.status === 429 ? 429 : 422)
    }
    return redirectTo(c, next ?? '/', answer.cookies)
  })

  app.post('/logout', async (c) => {
    const answer = await callApi(c, 'DELETE', '/api/session')
    return redirectTo(c, '/login?logged_out', answer.ok ? answer.cookies : [])
  })

  app.get('/password', (c) => {
    const next = ownPath(c.req.query('next'))
    return sendPage(c, passwordPage({ principal: c.get('principal'), problem: null, next }))
  })

  app.post('/password', async (c) => {
    const form = await formOf(c)
    const current_password = form.secret('current_password')
    const new_password = form.secret('new_password')
    const next = ownPath(form.text('next'))
    const refuse = (problem: ApiProblem) =>
      sendPage(c, passwordPage({ principal: c.get('principal'), problem, next }), 422)
    if (form.secret('repeated_password') !== new_password) return refuse(differing())
    const answer = await callApi(c, 'PUT', '/api/session/password', { current_password, new_password })
    if (!answer.ok) return refuse(answer.problem)
    return redirectTo(c, next ?? '/?done=password', answer.cookies)
  })

  return app
}

function differing(): ApiProblem {
  const errors = [{ path: 'repeated_password', message: PASSWORDS_DIFFER }]
  return { status: 422, detail: PASSWORDS_DIFFER, errors, run_id: null }
}

/** Where a login leads: only to a path of this site. Browsers treat a backslash as a slash. */
function ownPath(path: string | undefined): string | null {
  return path !== undefined && /^\/(?![/\\])[^\\\p{Cc}]*$/u.test(path) ? path : null
}
