// /instances/{slug}/bindings: what an instance is bound to, with a preview of what a binding means before it is saved.

import { type Context, Hono } from 'hono'
import { type Account, getAccount, listAccounts } from '../../../db/accounts/accounts.ts'
import { getBinding, listBindings } from '../../../db/instances/bindings.ts'
import { listRuns } from '../../../db/runs/history.ts'
import type { Binding } from '../../../db/schema.ts'
import { getInstanceView } from '../../../db/views/instances.ts'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import { listRemoteFiles, previewPrune } from '../../accounts/remote-files.ts'
import type { AppDeps } from '../../context.ts'
import { notFound } from '../../http/problem.ts'
import { problemOf } from '../../http/problem-of.ts'
import { fieldErrors } from '../../http/validation.ts'
import { newBindingSchema } from '../../schemas/bindings.ts'
import type { ApiCall, ApiProblem } from '../../ui/api-call.ts'
import { faultText } from '../../ui/fault-text.ts'
import { type FormFields, formOf, queryFields } from '../../ui/form-data.ts'
import { layout } from '../../ui/layout.ts'
import { html, type Markup, type Part } from '../../ui/markup.ts'
import { pageHead } from '../../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage } from '../../ui/page-response.ts'
import { onceOnly } from '../accounts/card.ts'
import { instanceTexts, remoteFiles } from '../instances/page.ts'
import {
  type BindingValues,
  bindingPage,
  bindingTexts,
  emptyWords,
  NEW_BINDING,
  previewPart,
} from './form.ts'
import { remotePlace } from './remote-place.ts'

const MOST_ACCOUNTS = 200

export function bindingPages(deps: AppDeps, callApi: ApiCall) {
  const { db, vault, log } = deps
  const app = new Hono<AppEnv>()
  const send = (c: Context<AppEnv>, title: string, body: Part, status: 200 | 422 = 200) =>
    sendPage(c, layout({ title, principal: c.get('principal'), active: 'instances', body }), status)

  /** Those that the instance is not bound to yet. */
  async function freeAccounts(slug: string): Promise<readonly Account[]> {
    const [{ items }, bindings] = await Promise.all([
      listAccounts(db, vault, { limit: MOST_ACCOUNTS }),
      listBindings(db, slug),
    ])
    const bound = new Set(bindings.map(({ account_id }) => account_id))
    return items.filter(({ id }) => !bound.has(id))
  }

  async function knownBinding(c: Context<AppEnv>): Promise<Binding> {
    const binding = await getBinding(db, c.req.param('id') ?? '')
    if (binding === null || binding.instance_slug !== c.req.param('slug')) throw notFound('binding')
    return binding
  }

  /** The newest run says which database the placeholder stands for. */
  async function databaseOf(slug: string): Promise<string | null> {
    return (await listRuns(db, { instance: slug, limit: 1 })).items[0]?.database ?? null
  }

  async function preview(slug: string, bindingId: string | null, values: BindingValues): Promise<Markup> {
    const account = await getAccount(db, vault, values.account_id)
    const parsed = newBindingSchema.safeParse(bodyOf(values))
    if (account === null || !parsed.success) {
      const errors = parsed.success ? [] : fieldErrors(parsed.error)
      const fault = errors.length === 0 ? null : emptyWords(faultText({ detail: '', errors }))
      const place = { path: values.remote_path, of: null, isNested: false }
      return previewPart({ place, plan: null, fault, retry: null })
    }
    const { remote_path = values.remote_path, keep_last, retention_scope = 'folder' } = parsed.data
    const database = await databaseOf(slug)
    const place = remotePlace(account, { remote_path, instance_slug: slug, database })
    if (keep_last == null) return previewPart({ place, plan: null, fault: null, retry: null })
    try {
      const of = { account_id: account.id, instance_slug: slug, remote_path, retention_scope }
      const plan = await previewPrune(deps, { ...of, keep_last, database })
      return previewPart({ place, plan, fault: null, retry: null })
    } catch (error) {
      const fault = onceOnly(problemOf(error, log, 'the preview of a prune').message)
      const retry = `/instances/${slug}/bindings/${bindingId ?? 'new'}`
      return previewPart({ place, plan: null, fault, retry })
    }
  }

  async function show(
    c: Context<AppEnv>,
    given: {
      readonly bindingId: string | null
      readonly values: BindingValues
      readonly problem?: ApiProblem
    },
  ) {
    const slug = c.req.param('slug') ?? ''
    if ((await getInstanceView(db, slug)) === null) throw notFound('instance')
    const { bindingId, problem = null } = given
    const own = bindingId === null ? null : await getAccount(db, vault, given.values.account_id)
    const accounts = own === null ? await freeAccounts(slug) : [own]
    const account_id = given.values.account_id || (accounts[0]?.id ?? '')
    const values = { ...given.values, account_id }
    const shown = account_id === '' ? null : await preview(slug, bindingId, values)
    const body = bindingPage({ slug, bindingId, accounts, values, problem, preview: shown })
    return send(c, bindingTexts.bindTitle, body, problem === null ? 200 : 422)
  }

  app.get('/instances/:slug/bindings/new', requires('read', 'config:write'), async (c) => {
    const query = queryFields(c)
    const values = query.isOn('remote_path') ? valuesOf(query) : NEW_BINDING
    if (asksForPart(c)) return sendPage(c, await preview(c.req.param('slug'), null, values))
    return show(c, { bindingId: null, values })
  })

  app.post('/instances/:slug/bindings/new', requires('read', 'config:write'), async (c) => {
    const slug = c.req.param('slug')
    const values = valuesOf(await formOf(c))
    const answer = await callApi(
      c,
      'POST',
      `/api/instances/${encodeURIComponent(slug)}/bindings`,
      bodyOf(values),
    )
    if (!answer.ok) return show(c, { bindingId: null, values, problem: answer.problem })
    return redirectTo(c, `/instances/${slug}?done=binding_created`)
  })

  app.get('/instances/:slug/bindings/:id', requires('read', 'config:write'), async (c) => {
    const binding = await knownBinding(c)
    const query = queryFields(c)
    const { account_id } = binding
    const values = query.isOn('remote_path') ? { ...valuesOf(query), account_id } : valuesOfBinding(binding)
    if (asksForPart(c)) return sendPage(c, await preview(binding.instance_slug, binding.id, values))
    return show(c, { bindingId: binding.id, values })
  })

  app.post('/instances/:slug/bindings/:id', requires('read', 'config:write'), async (c) => {
    const { id, instance_slug, account_id } = await knownBinding(c)
    const values = { ...valuesOf(await formOf(c)), account_id }
    const { account_id: _account, ...change } = bodyOf(values)
    const answer = await callApi(c, 'PATCH', `/api/bindings/${id}`, change)
    if (!answer.ok) return show(c, { bindingId: id, values, problem: answer.problem })
    return redirectTo(c, `/instances/${instance_slug}?done=binding_updated`)
  })

  app.post('/instances/:slug/bindings/:id/enabled', requires('read', 'config:write'), async (c) => {
    const binding = await knownBinding(c)
    const enabled = (await formOf(c)).text('enabled') === 'true'
    const answer = await callApi(c, 'PATCH', `/api/bindings/${binding.id}`, { enabled })
    if (!answer.ok)
      return show(c, { bindingId: binding.id, values: valuesOfBinding(binding), problem: answer.problem })
    const done = enabled ? 'binding_resumed' : 'binding_paused'
    return redirectTo(c, `/instances/${binding.instance_slug}?done=${done}&binding=${binding.id}`)
  })

  app.post('/instances/:slug/bindings/:id/delete', requires('read', 'config:write'), async (c) => {
    const binding = await knownBinding(c)
    const answer = await callApi(c, 'DELETE', `/api/bindings/${binding.id}`)
    if (!answer.ok)
      return show(c, { bindingId: binding.id, values: valuesOfBinding(binding), problem: answer.problem })
    return redirectTo(c, `/instances/${binding.instance_slug}?done=binding_deleted`)
  })

  app.get('/instances/:slug/bindings/:id/files', requires('read'), async (c) => {
    const { id, instance_slug } = await knownBinding(c)
    const database = await databaseOf(instance_slug)
    const list = remoteFiles(await listRemoteFiles(deps, { binding_id: id, database }))
    if (asksForPart(c)) return sendPage(c, list)
    const title = instanceTexts.remoteFiles
    const back = { href: `/instances/${instance_slug}`, label: instance_slug }
    return send(c, title, html`${pageHead({ title, back })}<div data-component="card">${list}</div>`)
  })

  return app
}

function valuesOf(form: FormFields): BindingValues {
  return {
    account_id: form.text('account_id'),
    remote_path: form.text('remote_path'),
    enabled: form.isOn('enabled'),
    keep_last: form.text('keep_last'),
    retention_scope: form.optional('retention_scope') ?? NEW_BINDING.retention_scope,
  }
}

function valuesOfBinding({
  account_id,
  remote_path,
  enabled,
  keep_last,
  retention_scope,
}: Binding): BindingValues {
  return {
    account_id,
    remote_path,
    enabled,
    keep_last: keep_last === null ? '' : String(keep_last),
    retention_scope,
  }
}

/** As the API takes it; what is no number goes there as it is, to be refused with a reason. */
function bodyOf(values: BindingValues) {
  const { account_id, remote_path, enabled, retention_scope, keep_last } = values
  const keep = keep_last === '' ? null : /^\d{1,9}$/.test(keep_last) ? Number(keep_last) : keep_last
  return { account_id, remote_path, enabled, keep_last: keep, retention_scope }
}
