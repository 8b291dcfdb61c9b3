// /settings: what runs here, and the users and tokens that administrators set up.

import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import type { HealthCheck } from '../../operation/health.ts'
import type { ApiAnswer, ApiCall } from '../../ui/api-call.ts'
import { formOf } from '../../ui/form-data.ts'
import { refusal } from '../../ui/page-parts.ts'
import { redirectTo } from '../../ui/page-response.ts'
import { type SettingsOutcome, showSettings } from './show.ts'

const createdToken = z.object({ token: z.string() })

export function settingsPages(appDeps: AppDeps, callApi: ApiCall, health: HealthCheck) {
  const deps = { ...appDeps, health }
  const app = new Hono<AppEnv>()
  const userPath = (id: string) => `/api/users/${encodeURIComponent(id)}`

  /** After a change that has no form of its own: a redirect, or the page with the refusal. */
  const changed = (c: Context<AppEnv>, answer: ApiAnswer, done: string) =>
    answer.ok
      ? redirectTo(c, `/settings?done=${done}`)
      : showSettings(deps, c, { message: refusal(answer.problem) })

  app.get('/settings', requires('read'), (c) => showSettings(deps, c))

  app.post('/settings/users', requires('read', 'users:write'), async (c) => {
    const form = await formOf(c)
    const [username, role] = [form.text('username'), form.text('role')]
    const body = { username, role, password: form.secret('password') }
    const answer = await callApi(c, 'POST', '/api/users', body)
    if (answer.ok) return redirectTo(c, '/settings?done=user_created')
    return showSettings(deps, c, { refusedUser: { problem: answer.problem, values: body } })
  })

  app.post('/settings/users/:id', requires('read', 'users:write'), async (c) => {
    const role = (await formOf(c)).text('role')
    return changed(c, await callApi(c, 'PATCH', userPath(c.req.param('id')), { role }), 'user_updated')
  })

  app.post('/settings/users/:id/delete', requires('read', 'users:write'), async (c) =>
    changed(c, await callApi(c, 'DELETE', userPath(c.req.param('id'))), 'user_deleted'),
  )

  app.post('/settings/tokens', requires('read', 'users:write'), async (c) =>
    showSettings(deps, c, await createToken(c, callApi)),
  )

  app.post('/settings/tokens/:id/delete', requires('read', 'users:write'), async (c) => {
    const path = `/api/tokens/${encodeURIComponent(c.req.param('id'))}`
    return changed(c, await callApi(c, 'DELETE', path), 'token_deleted')
  })

  return app
}

/** The token is shown in this one answer and nowhere else, so there is no redirect. */
async function createToken(c: Context<AppEnv>, callApi: ApiCall): Promise<SettingsOutcome> {
  const form = await formOf(c)
  const day = form.optional('expires_at')
  const [name, scopes] = [form.text('name'), form.all('scopes')]
  const expires_at = day === undefined ? null : `${day}T23:59:59Z`
  const answer = await callApi(c, 'POST', '/api/tokens', { name, scopes, expires_at })
  if (answer.ok) return { newToken: createdToken.parse(answer.body).token }
  return { refusedToken: { problem: answer.problem, values: { name, scopes, expires_at: day ?? '' } } }
}
