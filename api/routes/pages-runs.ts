// / and /runs/{id}: the history of runs and one run, what can be done to it, and the streams that keep both fresh.

import { type Context, Hono } from 'hono'
import { listAccounts } from '../../db/accounts.ts'
import { listAttempts } from '../../db/attempts.ts'
import { listAudit } from '../../db/audit.ts'
import { listBindingViews } from '../../db/binding-views.ts'
import { getRun, listRuns } from '../../db/runs.ts'
import type { Run } from '../../db/schema.ts'
import type { AppDeps, AppEnv } from '../app-context.ts'
import { stillMay } from '../auth.ts'
import type { ConnectionReader } from '../client-connection.ts'
import { createAnswerOrder, streamEvents } from '../event-stream.ts'
import { liveProgress } from '../live-progress.ts'
import { requires } from '../permissions.ts'
import { invalidInput, notFound } from '../problem.ts'
import { runQuery } from '../schemas/runs.ts'
import type { ApiCall } from '../ui/api-call.ts'
import { formOf } from '../ui/form-data.ts'
import { layout, type Message } from '../ui/layout.ts'
import { html, markupText } from '../ui/markup.ts'
import { doneMessage, pageHead, refusal } from '../ui/page-parts.ts'
import { asksForPart, redirectTo, sendPage } from '../ui/page-response.ts'
import { rowEvent, runFilters, runListTexts, runRow, runTable } from '../ui/run-list.ts'
import { type RunView, runPage, runParts, runTitle } from '../ui/run-page.ts'
import { fieldErrors } from '../validation.ts'

const PAGE_SIZE = 50
const MOST_ACCOUNTS = 200
const MOST_AUDIT = 100

export function runPages(deps: AppDeps, connectionOf: ConnectionReader, callApi: ApiCall) {
  const { db, vault, feed, log } = deps
  const app = new Hono<AppEnv>()
  const auth = { ...deps, connectionOf }
  const isAllowed = (c: Context<AppEnv>) => stillMay(auth, c, 'read')

  app.get('/', requires('read'), async (c) => {
    const query = new URL(c.req.url).searchParams
    const readAt = new Date().toISOString()
    const filter = filterOf(query)
    const [page, accounts] = await Promise.all([
      listRuns(db, { ...filter, limit: PAGE_SIZE }),
      listAccounts(db, vault, { limit: MOST_ACCOUNTS }),
    ])
    const view = { page, query, accounts: accounts.items, readAt }
    if (asksForPart(c)) return sendPage(c, runTable(view))
    const { title, lead } = runListTexts
    const body = html`${pageHead({ title, lead })}${runFilters(view)}${runTable(view)}`
    const message = doneMessage(c.req.query('done'))
    return sendPage(c, layout({ title, principal: c.get('principal'), active: 'runs', message, body }))
  })

  app.get('/live/runs', requires('read'), (c) => {
    const since = Date.parse(c.req.query('since') ?? '') || Date.now()
    const known = new Set<string>()
    return streamEvents(c, {
      log,
      isAllowed: isAllowed(c),
      open: (mailbox) =>
        feed.watch((event) => {
          if (event.type === 'end') return mailbox.end()
          if (event.type === 'resync') return mailbox.put('new', { event: 'new-run', data: {} })
          if (event.type !== 'run') return
          const { run } = event
          if (Date.parse(run.created_at) > since && !known.has(run.id)) {
            known.add(run.id)
            mailbox.put('new', { event: 'new-run', data: {} })
          }
          mailbox.put(run.id, { event: rowEvent(run.id), markup: markupText(runRow(run)) })
        }),
    })
  })

  async function viewOf(c: Context<AppEnv>, run: Run): Promise<RunView> {
    const [attempts, audit, bindings, progress] = await Promise.all([
      listAttempts(db, run.id),
      listAudit(db, { run_id: run.id, limit: MOST_AUDIT }),
      listBindingViews(db, { instance: run.instance_slug }),
      liveProgress(deps, [run]),
    ])
    const ui = deps.temporalUi ?? null
    const workflowUrl =
      ui === null
        ? null
        : `${ui.url}/namespaces/${ui.namespace}/workflows/${encodeURIComponent(run.workflow_id)}`
    const live = progress.get(run.id) ?? null
    return { run, live, attempts, audit: audit.items, bindings, principal: c.get('principal'), workflowUrl }
  }

  async function knownRun(id: string): Promise<Run> {
    const run = await getRun(db, id)
    if (run === null) throw notFound('run')
    return run
  }

  async function showRun(c: Context<AppEnv>, id: string, message: Message | null, status: 200 | 422 = 200) {
    const run = await knownRun(id)
    const body = runPage(await viewOf(c, run))
    const frame = {
      title: runTitle(run),
      principal: c.get('principal'),
      active: 'runs',
      message,
      body,
    } as const
    return sendPage(c, layout(frame), status)
  }

  app.get('/runs/:id', requires('read'), (c) =>
    showRun(c, c.req.param('id'), doneMessage(c.req.query('done'))),
  )

  app.get('/runs/:id/live', requires('read'), async (c) => {
    const run = await knownRun(c.req.param('id'))
    return streamEvents(c, {
      log,
      isAllowed: isAllowed(c),
      open: (mailbox) => {
        const order = createAnswerOrder()
        return feed.watch((event) => {
          if (event.type === 'end') mailbox.end()
          if (event.type !== 'run') return
          const isNewest = order.ask()
          viewOf(c, event.run)
            .then((view) => {
              if (isNewest()) mailbox.put('run', { event: 'run', markup: markupText(runParts(view)) })
            })
            .catch((err: unknown) => log.warn({ err, run_id: run.id }, 'a run could not be shown'))
        }, run.id)
      },
    })
  })

  const actions = { reupload: 'reupload', cancel: 'cancel', 'retry-now': 'retry' } as const
  for (const [action, done] of Object.entries(actions)) {
    app.post(`/runs/:id/${action}`, requires('read', 'runs:write'), async (c) => {
      const id = c.req.param('id')
      const path = `/api/runs/${encodeURIComponent(id)}/${action}`
      const chosen = action === 'reupload' ? (await formOf(c)).all('account_ids') : []
      const body = action === 'reupload' ? { account_ids: chosen.length > 0 ? chosen : null } : undefined
      const answer = await callApi(c, 'POST', path, body)
      if (answer.ok) return redirectTo(c, `/runs/${encodeURIComponent(id)}?done=${done}`)
      return showRun(c, id, refusal(answer.problem), 422)
    })
  }

  return app
}

/** Empty fields of the form are no filters. Throws a 422 that names the wrong ones. */
function filterOf(query: URLSearchParams) {
  const given = Object.fromEntries([...query].filter(([, value]) => value.trim() !== ''))
  const parsed = runQuery.safeParse(given)
  if (!parsed.success) throw invalidInput(fieldErrors(parsed.error))
  const { account, live: _live, limit: _limit, q, ...filter } = parsed.data
  return { ...filter, account_id: account, search: q }
}
