// /audit and /settings: the trail, and what administrators set up. Health is what /readyz looks at, and whether a worker
// answers.

import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { listApiTokens } from '../../../db/access/api-tokens.ts'
import { listUsers } from '../../../db/access/users.ts'
import { serverVersion } from '../../../db/database-server.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { withNames } from '../../../db/views/audit-names.ts'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import { invalidInput } from '../../http/problem.ts'
import { fieldErrors } from '../../http/validation.ts'
import type { HealthCheck } from '../../operation/health.ts'
import { PROGRAM_VERSION, TEMPORAL_SDK_VERSION } from '../../program.ts'
import { auditQuery } from '../../schemas/audit.ts'
import type { ApiCall } from '../../ui/api-call.ts'
import { formOf } from '../../ui/form-data.ts'
import { layout, type Message } from '../../ui/layout.ts'
import { doneMessage, refusal } from '../../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage } from '../../ui/page-response.ts'
import { auditPage, auditPart, auditTexts } from '../audit/page.ts'
import { type SettingsView, settingsPage, settingsTexts } from './page.ts'

const AUDIT_PAGE_SIZE = 50
const createdToken = z.object({ token: z.string() })
const PROGRAM = [
  ['Cloud Sync', PROGRAM_VERSION],
  ['Node.js', process.versions.node],
  ['Temporal SDK', TEMPORAL_SDK_VERSION],
] as const

export function settingsPages(deps: AppDeps, callApi: ApiCall, health: HealthCheck) {
  const { db, vault, temporal, config, log } = deps
  const app = new Hono<AppEnv>()

  app.get('/audit', requires('read'), async (c) => {
    const query = new URL(c.req.url).searchParams
    const given = Object.fromEntries([...query].filter(([, value]) => value.trim() !== ''))
    const parsed = auditQuery.safeParse(given)
    if (!parsed.success) throw invalidInput(fieldErrors(parsed.error))
    const { limit: _limit, q, ...filter } = parsed.data
    const found = await listAudit(db, { ...filter, search: q, limit: AUDIT_PAGE_SIZE })
    const page = { ...found, items: await withNames(db, found.items) }
    if (asksForPart(c)) return sendPage(c, auditPart(page, query))
    const body = auditPage(page, query)
    const { title } = auditTexts
    return sendPage(c, layout({ title, principal: c.get('principal'), active: 'audit', body }))
  })

  async function show(
    c: Context<AppEnv>,
    change: Partial<Pick<SettingsView, 'newToken' | 'refusedUser' | 'refusedToken'>> & {
      message?: Message
    } = {},
  ) {
    const { message = doneMessage(c.req.query('done')), ...shown } = change
    const maySeeAccess = c.get('principal').permissions.has('users:write')
    const [database, temporal, workers, key, access, server] = await Promise.all([
      health.database(),
      health.temporal(),
      countedWorkers(),
      health.key(),
      maySeeAccess ? Promise.all([listUsers(db), listApiTokens(db)]) : null,
      serverVersion(db),
    ])
    const body = settingsPage({
      health: { database, temporal, workers: workers !== null && workers > 0, key },
      workerCount: workers,
      keyFile: maySeeAccess ? (config.secretKeyFile ?? null) : null,
      versions: [...PROGRAM, ['PostgreSQL', server]],
      fingerprints: vault.fingerprints,
      access: access === null ? null : { users: access[0], tokens: access[1] },
      newToken: null,
      refusedUser: null,
      refusedToken: null,
      ...shown,
    })
    const isRefused = message?.kind === 'danger' || shown.refusedUser != null || shown.refusedToken != null
    const frame = {
      title: settingsTexts.title,
      principal: c.get('principal'),
      active: 'settings',
      message,
      body,
    } as const
    return sendPage(c, layout(frame), isRefused ? 422 : 200)
  }

  /** Null when Temporal does not say. */
  async function countedWorkers(): Promise<number | null> {
    try {
      return await temporal.countWorkers()
    } catch (err) {
      log.warn({ err, part: 'workers' }, 'not ready')
      return null
    }
  }

  app.get('/settings', requires('read'), (c) => show(c))

  app.post('/settings/users', requires('read', 'users:write'), async (c) => {
    const form = await formOf(c)
    const body = {
      username: form.text('username'),
      role: form.text('role'),
      password: form.secret('password'),
    }
    const answer = await callApi(c, 'POST', '/api/users', body)
    if (answer.ok) return redirectTo(c, '/settings?done=user_created')
    return show(c, { refusedUser: { problem: answer.problem, values: body } })
  })

  app.post('/settings/users/:id', requires('read', 'users:write'), async (c) => {
    const role = (await formOf(c)).text('role')
    const answer = await callApi(c, 'PATCH', `/api/users/${encodeURIComponent(c.req.param('id'))}`, { role })
    return answer.ok
      ? redirectTo(c, '/settings?done=user_updated')
      : show(c, { message: refusal(answer.problem) })
  })

  app.post('/settings/users/:id/delete', requires('read', 'users:write'), async (c) => {
    const answer = await callApi(c, 'DELETE', `/api/users/${encodeURIComponent(c.req.param('id'))}`)
    return answer.ok
      ? redirectTo(c, '/settings?done=user_deleted')
      : show(c, { message: refusal(answer.problem) })
  })

  app.post('/settings/tokens', requires('read', 'users:write'), async (c) => {
    const form = await formOf(c)
    const day = form.optional('expires_at')
    const expires_at = day === undefined ? null : `${day}T23:59:59Z`
    const [name, scopes] = [form.text('name'), form.all('scopes')]
    const body = { name, scopes, expires_at }
    const answer = await callApi(c, 'POST', '/api/tokens', body)
    if (!answer.ok) {
      const values = { name, scopes, expires_at: day ?? '' }
      return show(c, { refusedToken: { problem: answer.problem, values } })
    }
    // Shown in this answer and nowhere else, so there is no redirect.
    return show(c, { newToken: createdToken.parse(answer.body).token })
  })

  app.post('/settings/tokens/:id/delete', requires('read', 'users:write'), async (c) => {
    const answer = await callApi(c, 'DELETE', `/api/tokens/${encodeURIComponent(c.req.param('id'))}`)
    return answer.ok
      ? redirectTo(c, '/settings?done=token_deleted')
      : show(c, { message: refusal(answer.problem) })
  })

  return app
}
