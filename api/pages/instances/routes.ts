// /instances: the instances, and one with its runs and what lies at its destinations.

import { type Context, Hono } from 'hono'
import { getAccount } from '../../../db/accounts/accounts.ts'
import { listRuns } from '../../../db/runs/history.ts'
import { type BindingView, listBindingViews } from '../../../db/views/bindings.ts'
import { getInstanceView, type InstanceView, listInstanceViews } from '../../../db/views/instances.ts'
import { storedBytes } from '../../../db/views/stored-bytes.ts'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import { notFound } from '../../http/problem.ts'
import { type ApiCall, type ApiProblem, faultOf } from '../../ui/api-call.ts'
import { formOf } from '../../ui/form-data.ts'
import { layout, type Message } from '../../ui/layout.ts'
import type { Part } from '../../ui/markup.ts'
import { doneMessage, refusal } from '../../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage } from '../../ui/page-response.ts'
import { remotePlace } from '../bindings/remote-place.ts'
import { instanceList, instanceListTexts, instanceTable, newInstancePage } from './list.ts'
import { instancePage, instanceTexts } from './page.ts'

const PAGE_SIZE = 50
const RUNS_SHOWN = 20
const CHART_DAYS = 60

export function instancePages({ db, vault }: AppDeps, callApi: ApiCall) {
  const app = new Hono<AppEnv>()
  const mayWrite = (c: Context<AppEnv>) => c.get('principal').permissions.has('config:write')
  const send = (
    c: Context<AppEnv>,
    title: string,
    body: Part,
    message: Message | null = null,
    status: 200 | 422 = 200,
  ) =>
    sendPage(c, layout({ title, principal: c.get('principal'), active: 'instances', message, body }), status)

  app.get('/instances', requires('read'), async (c) => {
    const query = new URL(c.req.url).searchParams
    const search = query.get('q')?.trim() || undefined
    const page = await listInstanceViews(db, {
      limit: PAGE_SIZE,
      search,
      cursor: query.get('cursor') ?? undefined,
    })
    if (asksForPart(c)) return sendPage(c, instanceTable({ page, query, add: null }))
    const body = instanceList({ page, query, mayWrite: mayWrite(c) })
    return send(c, instanceListTexts.title, body, doneMessage(c.req.query('done')))
  })

  app.get('/instances/new', requires('read', 'config:write'), (c) =>
    send(c, instanceListTexts.addTitle, newInstancePage({ slug: '', name: '' }, { slug: null, name: null })),
  )

  app.post('/instances/new', requires('read', 'config:write'), async (c) => {
    const form = await formOf(c)
    const slug = form.text('slug')
    const name = form.optional('name')
    const answer = await callApi(c, 'POST', '/api/instances', name === undefined ? { slug } : { slug, name })
    if (answer.ok) return redirectTo(c, `/instances/${slug}?done=instance_created`)
    const { problem } = answer
    const faults = { slug: faultOf(problem, 'slug'), name: faultOf(problem, 'name') }
    const page = newInstancePage({ slug, name: name ?? '' }, faults)
    const message = problem.errors.length === 0 ? refusal(problem) : null
    return send(c, instanceListTexts.addTitle, page, message, 422)
  })

  /** Where the copies of each binding lie, by account. */
  async function placesOf(bindings: readonly BindingView[]) {
    const found = await Promise.all(
      bindings.map(async ({ account_id, remote_path, instance_slug }) => {
        const account = await getAccount(db, vault, account_id)
        const of = { remote_path, instance_slug, database: null }
        return account === null ? null : ([account_id, remotePlace(account, of)] as const)
      }),
    )
    return new Map(found.filter((one) => one !== null))
  }

  async function show(
    c: Context<AppEnv>,
    slug: string,
    refused: { readonly problem: ApiProblem; readonly name?: string } | null = null,
  ) {
    const [instance, bindings, stored, runs] = await Promise.all([
      getInstanceView(db, slug),
      listBindingViews(db, { instance: slug }),
      storedBytes(db, slug, CHART_DAYS),
      listRuns(db, { instance: slug, limit: RUNS_SHOWN }),
    ])
    if (instance === null) throw notFound('instance')
    const fault = refused?.name === undefined ? null : faultOf(refused.problem, 'name')
    const body = instancePage({
      instance,
      bindings,
      stored,
      runs: runs.items,
      mayWrite: mayWrite(c),
      places: await placesOf(bindings),
      rename: fault === null ? null : { name: refused?.name ?? '', fault },
    })
    const message =
      refused === null
        ? (pauseMessage(c, instance, bindings) ?? doneMessage(c.req.query('done')))
        : fault === null
          ? refusal(refused.problem)
          : null
    return send(c, instance.name, body, message, refused === null ? 200 : 422)
  }

  /** After Pause and Resume: which binding it was. */
  function pauseMessage(
    c: Context<AppEnv>,
    { name }: InstanceView,
    bindings: readonly BindingView[],
  ): Message | null {
    const done = c.req.query('done')
    const binding = bindings.find(({ id }) => id === c.req.query('binding'))
    if (binding === undefined || (done !== 'binding_paused' && done !== 'binding_resumed')) return null
    const { isPaused, isResumed } = instanceTexts
    const text = `${binding.account} ${done === 'binding_paused' ? isPaused : isResumed} ${name}.`
    return { kind: 'success', text }
  }

  app.get('/instances/:slug', requires('read'), (c) => show(c, c.req.param('slug')))

  app.post('/instances/:slug', requires('read', 'config:write'), async (c) => {
    const slug = c.req.param('slug')
    const name = (await formOf(c)).text('name')
    const answer = await callApi(c, 'PATCH', `/api/instances/${encodeURIComponent(slug)}`, { name })
    return answer.ok
      ? redirectTo(c, `/instances/${slug}?done=instance_updated`)
      : show(c, slug, { problem: answer.problem, name })
  })

  app.post('/instances/:slug/delete', requires('read', 'config:write'), async (c) => {
    const slug = c.req.param('slug')
    const answer = await callApi(c, 'DELETE', `/api/instances/${encodeURIComponent(slug)}`)
    return answer.ok
      ? redirectTo(c, '/instances?done=instance_deleted')
      : show(c, slug, { problem: answer.problem })
  })

  return app
}
