// / and /runs/{id}: the history of runs and one run, and what can be done to it. The streams that keep both fresh are in
// live.ts.

import { type Context, Hono } from 'hono'
import { listAccounts } from '../../../db/accounts/accounts.ts'
import { databaseNow } from '../../../db/clock.ts'
import { listInstances } from '../../../db/instances/instances.ts'
import type { Page } from '../../../db/page.ts'
import { listNewerRuns, listRuns } from '../../../db/runs/history.ts'
import { getRun } from '../../../db/runs/runs.ts'
import type { Run } from '../../../db/schema.ts'
import { listDeletedCopies } from '../../../db/uploads/deleted-copies.ts'
import { listBindingViews } from '../../../db/views/bindings.ts'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import type { ConnectionReader } from '../../http/client-connection.ts'
import { isProblemStatus, notFound, type ProblemStatus } from '../../http/problem.ts'
import type { ApiCall } from '../../ui/api-call.ts'
import { formOf } from '../../ui/form-data.ts'
import { layout, type Message } from '../../ui/layout.ts'
import { html } from '../../ui/markup.ts'
import { doneMessage, pageHead, refusal } from '../../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage } from '../../ui/page-response.ts'
import { runFilters, runListTexts, runTable } from './list.ts'
import { createRunReader, runStreams } from './live.ts'
import { runMessage, runPage, runTitle } from './page.ts'
import { type HistoryQuery, historyQuery } from './query.ts'
import { ALL_FAILED, lackingAccounts, NOTHING_CHOSEN } from './reupload.ts'

const PAGE_SIZE = 50
const MOST_ACCOUNTS = 200
/** To choose from while typing; any other can be typed. */
const MOST_INSTANCES = 100

export function runPages(deps: AppDeps, connectionOf: ConnectionReader, callApi: ApiCall) {
  const { db, vault } = deps
  const app = new Hono<AppEnv>()
  const viewOf = createRunReader(deps)

  app.get('/', requires('read'), async (c) => {
    const query = new URL(c.req.url).searchParams
    const readAt = new Date(await databaseNow(db)).toISOString()
    const isPart = asksForPart(c)
    const [{ page, isFirst }, accounts, instances] = await Promise.all([
      historyPage(historyQuery(query)),
      isPart ? null : listAccounts(db, vault, { limit: MOST_ACCOUNTS }),
      isPart ? null : listInstances(db, { limit: MOST_INSTANCES }),
    ])
    const view = {
      page,
      isFirst,
      query,
      readAt,
      copies: await listDeletedCopies(
        db,
        page.items.map(({ id }) => id),
      ),
      accounts: accounts?.items ?? [],
      instances: instances?.items.map(({ slug }) => slug) ?? [],
    }
    if (isPart) return sendPage(c, runTable(view))
    const { title, lead } = runListTexts
    const body = html`${pageHead({ title, lead })}${runFilters(view)}${runTable(view)}`
    const message = doneMessage(c.req.query('done'))
    return sendPage(c, layout({ title, principal: c.get('principal'), active: 'runs', message, body }))
  })

  async function historyPage({ filter, cursor, newer }: HistoryQuery): Promise<{
    readonly page: Page<Run>
    readonly isFirst: boolean
  }> {
    if (newer !== undefined) {
      const page = await listNewerRuns(db, { ...filter, limit: PAGE_SIZE, cursor: newer })
      if (page !== null) return { page, isFirst: false }
    }
    const page = await listRuns(db, { ...filter, limit: PAGE_SIZE, cursor })
    return { page, isFirst: cursor === undefined }
  }

  async function knownRun(id: string): Promise<Run> {
    const run = await getRun(db, id)
    if (run === null) throw notFound('run')
    return run
  }

  async function showRun(
    c: Context<AppEnv>,
    id: string,
    refused: { readonly message: Message; readonly status: ProblemStatus } | null = null,
  ) {
    const view = await viewOf(c, await knownRun(id))
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

  app.get('/runs/:id', requires('read'), (c) => showRun(c, c.req.param('id')))

  app.post('/runs/:id/reupload', requires('read', 'runs:write'), async (c) => {
    const id = c.req.param('id')
    const form = await formOf(c)
    const account_ids =
      form.text('what') === ALL_FAILED ? await lackingOf(id) : [...new Set(form.all('account_ids'))]
    if (account_ids.length === 0) {
      return showRun(c, id, { message: { kind: 'danger', text: NOTHING_CHOSEN }, status: 422 })
    }
    return act(c, id, 'reupload', 'reupload', { account_ids })
  })

  async function lackingOf(id: string): Promise<readonly string[]> {
    const run = await knownRun(id)
    return lackingAccounts(run, await listBindingViews(db, { instance: run.instance_slug }))
  }

  app.post('/runs/:id/cancel', requires('read', 'runs:write'), (c) =>
    act(c, c.req.param('id'), 'cancel', 'cancel'),
  )

  app.post('/runs/:id/retry-now', requires('read', 'runs:write'), (c) =>
    act(c, c.req.param('id'), 'retry-now', 'retry'),
  )

  /** By the API, whose refusals are shown above the run. */
  async function act(c: Context<AppEnv>, id: string, action: string, done: string, body?: object) {
    const path = `/runs/${encodeURIComponent(id)}`
    const answer = await callApi(c, 'POST', `/api${path}/${action}`, body)
    if (answer.ok) return redirectTo(c, `${path}?done=${done}`)
    const { status } = answer.problem
    return showRun(c, id, {
      message: refusal(answer.problem),
      status: isProblemStatus(status) ? status : 422,
    })
  }

  app.route('/', runStreams(deps, connectionOf))
  return app
}
