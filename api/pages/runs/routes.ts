// / and /runs/{id}: the history of runs, one run, and what can be done to it. live.ts has the streams that keep both up to date.

import { type Context, Hono } from 'hono'
import type { Db } from '../../../db/database.ts'
import { listBindingViews } from '../../../db/views/bindings.ts'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import type { ConnectionReader } from '../../http/client-connection.ts'
import { isProblemStatus, type ProblemStatus } from '../../http/problem.ts'
import { knownRun } from '../../runs/known-run.ts'
import type { ApiCall } from '../../ui/api-call.ts'
import { type FormFields, formOf } from '../../ui/form-data.ts'
import { layout, type Message } from '../../ui/layout.ts'
import { html } from '../../ui/markup.ts'
import { doneMessage, pageHead, refusal } from '../../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage } from '../../ui/page-response.ts'
import { runFilters, runListTexts, runTable } from './list.ts'
import { runStreams } from './live.ts'
import { runMessage, runPage, runTitle } from './page.ts'
import { readHistory } from './read-history.ts'
import { readRunView } from './read-run.ts'
import { ALL_FAILED, lackingAccounts, NOTHING_CHOSEN } from './reupload.ts'

export function runPages(deps: AppDeps, connectionOf: ConnectionReader, callApi: ApiCall) {
  const app = new Hono<AppEnv>()

  app.get('/', requires('read'), (c) => showHistory(deps, c))
  app.get('/runs/:id', requires('read'), (c) => showRun(deps, c, c.req.param('id')))

  app.post('/runs/:id/reupload', requires('read', 'runs:write'), async (c) => {
    const id = c.req.param('id')
    const account_ids = await chosenAccounts(deps.db, id, await formOf(c))
    if (account_ids.length > 0) return act(c, id, 'reupload', 'reupload', { account_ids })
    return showRun(deps, c, id, { message: { kind: 'danger', text: NOTHING_CHOSEN }, status: 422 })
  })

  app.post('/runs/:id/cancel', requires('read', 'runs:write'), (c) =>
    act(c, c.req.param('id'), 'cancel', 'cancel'),
  )

  app.post('/runs/:id/retry-now', requires('read', 'runs:write'), (c) =>
    act(c, c.req.param('id'), 'retry-now', 'retry'),
  )

  /** Acts through the API. A refusal is shown above the run. */
  async function act(c: Context<AppEnv>, id: string, action: string, done: string, body?: object) {
    const path = `/runs/${encodeURIComponent(id)}`
    const answer = await callApi(c, 'POST', `/api${path}/${action}`, body)
    if (answer.ok) return redirectTo(c, `${path}?done=${done}`)
    const { status } = answer.problem
    const message = refusal(answer.problem)
    return showRun(deps, c, id, { message, status: isProblemStatus(status) ? status : 422 })
  }

  app.route('/', runStreams(deps, connectionOf))
  return app
}

async function showHistory(deps: AppDeps, c: Context<AppEnv>): Promise<Response> {
  const isPart = asksForPart(c)
  const view = await readHistory(deps, new URL(c.req.url).searchParams, { isPart })
  if (isPart) return sendPage(c, runTable(view))
  const { title, lead } = runListTexts
  const body = html`${pageHead({ title, lead })}${runFilters(view)}${runTable(view)}`
  const message = doneMessage(c.req.query('done'))
  return sendPage(c, layout({ title, principal: c.get('principal'), active: 'runs', message, body }))
}

type Refused = { readonly message: Message; readonly status: ProblemStatus }

async function showRun(
  deps: AppDeps,
  c: Context<AppEnv>,
  id: string,
  refused: Refused | null = null,
): Promise<Response> {
  const view = await readRunView(deps, c, await knownRun(deps.db, id))
  const done = refused === null ? c.req.query('done') : undefined
  const page = layout({
    title: runTitle(view.run),
    principal: c.get('principal'),
    active: 'runs',
    message: refused === null ? runMessage(view, done) : refused.message,
    body: runPage(view, done),
  })
  return sendPage(c, page, refused?.status ?? 200)
}

/** Empty when nothing was chosen. */
async function chosenAccounts(db: Db, id: string, form: FormFields): Promise<readonly string[]> {
  if (form.text('what') !== ALL_FAILED) return [...new Set(form.all('account_ids'))]
  const run = await knownRun(db, id)
  return lackingAccounts(run, await listBindingViews(db, { instance: run.instance_slug }))
}
