// /instances: the instances, and one with its runs and what lies at its destinations.

import { type Context, Hono } from 'hono'
import type { Db } from '../../../db/database.ts'
import { listInstanceViews } from '../../../db/views/instances.ts'
import { may, requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import { type ApiCall, faultOf } from '../../ui/api-call.ts'
import { formOf } from '../../ui/form-data.ts'
import { doneMessage, refusal } from '../../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage, sendWholePage } from '../../ui/page-response.ts'
import { instanceList, instanceListTexts, instanceTable, newInstancePage } from './list.ts'
import { showInstance } from './show.ts'

const PAGE_SIZE = 50

export function instancePages(deps: AppDeps, callApi: ApiCall) {
  const app = new Hono<AppEnv>()

  app.get('/instances', requires('read'), (c) => showList(deps.db, c))

  app.get('/instances/new', requires('read', 'config:write'), (c) => {
    const body = newInstancePage({ slug: '', name: '' }, { slug: null, name: null })
    return sendWholePage(c, { title: instanceListTexts.addTitle, active: 'instances', body })
  })

  app.post('/instances/new', requires('read', 'config:write'), (c) => create(c, callApi))

  app.get('/instances/:slug', requires('read'), (c) => showInstance(deps, c, c.req.param('slug')))

  app.post('/instances/:slug', requires('read', 'config:write'), async (c) => {
    const slug = c.req.param('slug')
    const name = (await formOf(c)).text('name')
    const answer = await callApi(c, 'PATCH', `/api/instances/${encodeURIComponent(slug)}`, { name })
    return answer.ok
      ? redirectTo(c, `/instances/${slug}?done=instance_updated`)
      : showInstance(deps, c, slug, { problem: answer.problem, name })
  })

  app.post('/instances/:slug/delete', requires('read', 'config:write'), async (c) => {
    const slug = c.req.param('slug')
    const answer = await callApi(c, 'DELETE', `/api/instances/${encodeURIComponent(slug)}`)
    return answer.ok
      ? redirectTo(c, '/instances?done=instance_deleted')
      : showInstance(deps, c, slug, { problem: answer.problem })
  })

  return app
}

async function showList(db: Db, c: Context<AppEnv>): Promise<Response> {
  const query = new URL(c.req.url).searchParams
  const search = query.get('q')?.trim() || undefined
  const cursor = query.get('cursor') ?? undefined
  const page = await listInstanceViews(db, { limit: PAGE_SIZE, search, cursor })
  if (asksForPart(c)) return sendPage(c, instanceTable({ page, query, add: null }))
  const body = instanceList({ page, query, mayWrite: may(c, 'config:write') })
  const message = doneMessage(c.req.query('done'))
  return sendWholePage(c, { title: instanceListTexts.title, active: 'instances', message, body })
}

async function create(c: Context<AppEnv>, callApi: ApiCall): Promise<Response> {
  const form = await formOf(c)
  const slug = form.text('slug')
  const name = form.optional('name')
  const answer = await callApi(c, 'POST', '/api/instances', name === undefined ? { slug } : { slug, name })
  if (answer.ok) return redirectTo(c, `/instances/${slug}?done=instance_created`)
  const { problem } = answer
  const faults = { slug: faultOf(problem, 'slug'), name: faultOf(problem, 'name') }
  const body = newInstancePage({ slug, name: name ?? '' }, faults)
  const message = problem.errors.length === 0 ? refusal(problem) : null
  return sendWholePage(c, { title: instanceListTexts.addTitle, active: 'instances', message, body }, 422)
}
