// /instances/{slug}/bindings: what an instance is bound to, with a preview of what a binding means before it is saved.

import { type Context, Hono } from 'hono'
import type { Db } from '../../../db/database.ts'
import { getBinding } from '../../../db/instances/bindings.ts'
import type { Binding } from '../../../db/schema.ts'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import { listRemoteFiles } from '../../accounts/remote-files.ts'
import type { AppDeps } from '../../context.ts'
import { notFound } from '../../http/problem.ts'
import type { ApiAnswer, ApiCall } from '../../ui/api-call.ts'
import { formOf, queryFields } from '../../ui/form-data.ts'
import { html } from '../../ui/markup.ts'
import { pageHead } from '../../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage, sendWholePage } from '../../ui/page-response.ts'
import { instanceTexts, remoteFiles } from '../instances/page.ts'
import { newestDatabase, preview } from './preview.ts'
import { showBinding } from './show.ts'
import { type BindingValues, bodyOf, NEW_BINDING, valuesOf, valuesOfBinding } from './values.ts'

export function bindingPages(deps: AppDeps, callApi: ApiCall) {
  const { db } = deps
  const app = new Hono<AppEnv>()

  /** Back to the instance, or the form with what is wrong. */
  function changed(c: Context<AppEnv>, answer: ApiAnswer, given: Given, done: string) {
    if (!answer.ok) return showBinding(deps, c, { ...given, problem: answer.problem })
    return redirectTo(c, `/instances/${given.slug}?done=${done}`)
  }

  app.get('/instances/:slug/bindings/new', requires('read', 'config:write'), async (c) => {
    const query = queryFields(c)
    const values = query.isOn('remote_path') ? valuesOf(query) : NEW_BINDING
    return showOrPreview(deps, c, { slug: c.req.param('slug'), bindingId: null, values })
  })

  app.post('/instances/:slug/bindings/new', requires('read', 'config:write'), async (c) => {
    const slug = c.req.param('slug')
    const values = valuesOf(await formOf(c))
    const path = `/api/instances/${encodeURIComponent(slug)}/bindings`
    const answer = await callApi(c, 'POST', path, bodyOf(values))
    return changed(c, answer, { slug, bindingId: null, values }, 'binding_created')
  })

  app.get('/instances/:slug/bindings/:id', requires('read', 'config:write'), async (c) => {
    const binding = await knownBinding(db, c)
    const query = queryFields(c)
    const { account_id } = binding
    const values = query.isOn('remote_path') ? { ...valuesOf(query), account_id } : valuesOfBinding(binding)
    return showOrPreview(deps, c, { slug: binding.instance_slug, bindingId: binding.id, values })
  })

  app.post('/instances/:slug/bindings/:id', requires('read', 'config:write'), async (c) => {
    const { id, instance_slug, account_id } = await knownBinding(db, c)
    const values = { ...valuesOf(await formOf(c)), account_id }
    const { account_id: _account, ...change } = bodyOf(values)
    const answer = await callApi(c, 'PATCH', `/api/bindings/${id}`, change)
    return changed(c, answer, { slug: instance_slug, bindingId: id, values }, 'binding_updated')
  })

  app.post('/instances/:slug/bindings/:id/enabled', requires('read', 'config:write'), async (c) => {
    const binding = await knownBinding(db, c)
    const enabled = (await formOf(c)).text('enabled') === 'true'
    const answer = await callApi(c, 'PATCH', `/api/bindings/${binding.id}`, { enabled })
    const done = enabled ? 'binding_resumed' : 'binding_paused'
    return changed(c, answer, saved(binding), `${done}&binding=${binding.id}`)
  })

  app.post('/instances/:slug/bindings/:id/delete', requires('read', 'config:write'), async (c) => {
    const binding = await knownBinding(db, c)
    const answer = await callApi(c, 'DELETE', `/api/bindings/${binding.id}`)
    return changed(c, answer, saved(binding), 'binding_deleted')
  })

  app.get('/instances/:slug/bindings/:id/files', requires('read'), (c) => showFiles(deps, c))

  return app
}

/** Throws a 404, also for a binding of another instance. */
async function knownBinding(db: Db, c: Context<AppEnv>): Promise<Binding> {
  const binding = await getBinding(db, c.req.param('id') ?? '')
  if (binding === null || binding.instance_slug !== c.req.param('slug')) throw notFound('binding')
  return binding
}

type Given = { readonly slug: string; readonly bindingId: string | null; readonly values: BindingValues }

function saved(binding: Binding): Given {
  return { slug: binding.instance_slug, bindingId: binding.id, values: valuesOfBinding(binding) }
}

/** While somebody types, only the preview is asked for. */
async function showOrPreview(deps: AppDeps, c: Context<AppEnv>, given: Given): Promise<Response> {
  return asksForPart(c) ? sendPage(c, await preview(deps, given)) : showBinding(deps, c, given)
}

async function showFiles(deps: AppDeps, c: Context<AppEnv>): Promise<Response> {
  const { id, instance_slug } = await knownBinding(deps.db, c)
  const database = await newestDatabase(deps.db, instance_slug)
  const list = remoteFiles(await listRemoteFiles(deps, { binding_id: id, database }))
  if (asksForPart(c)) return sendPage(c, list)
  const title = instanceTexts.remoteFiles
  const back = { href: `/instances/${instance_slug}`, label: instance_slug }
  const body = html`${pageHead({ title, back })}<div data-component="card">${list}</div>`
  return sendWholePage(c, { title, active: 'instances', body })
}
