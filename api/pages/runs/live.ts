// The streams that keep Run History and the page of a run up to date. The stream of the history sends the rows of changed runs.
// The stream of a run sends the live part of its page.

import { type Context, Hono } from 'hono'
import type { Run } from '../../../db/schema.ts'
import { stillMay } from '../../access/auth.ts'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import type { ConnectionReader } from '../../http/client-connection.ts'
import { createAnswerOrder, type Mailbox, streamEvents } from '../../http/event-stream.ts'
import { knownRun } from '../../runs/known-run.ts'
import { messagesPlace } from '../../ui/layout.ts'
import { html, type Markup, markupText } from '../../ui/markup.ts'
import { RENEW_EVENT } from './list.ts'
import { createLiveRows } from './live-rows.ts'
import { runMessage, runPart } from './page.ts'
import { historyQuery } from './query.ts'
import { readRunView } from './read-run.ts'
import type { RunView } from './view.ts'

/** GET /live/runs and GET /runs/{id}/live. */
export function runStreams(deps: AppDeps, connectionOf: ConnectionReader) {
  const app = new Hono<AppEnv>()
  const auth = { ...deps, connectionOf }

  app.get('/live/runs', requires('read'), (c) => {
    const query = new URL(c.req.url).searchParams
    return streamEvents(c, {
      log: deps.log,
      isAllowed: stillMay(auth, c, 'read'),
      open: (mailbox) => sendRows(deps, mailbox, query),
    })
  })

  app.get('/runs/:id/live', requires('read'), async (c) => {
    const run = await knownRun(deps.db, c.req.param('id'))
    return streamEvents(c, {
      log: deps.log,
      isAllowed: stillMay(auth, c, 'read'),
      open: (mailbox) => sendRun(deps, c, run, mailbox),
    })
  })

  return app
}

/** Returns the function that ends it. */
function sendRows(deps: AppDeps, mailbox: Mailbox, query: URLSearchParams): () => void {
  const since = Date.parse(query.get('since') ?? '')
  const oldest = Date.parse(query.get('oldest') ?? '')
  const rows = createLiveRows(deps, mailbox, historyQuery(query).filter)
  const end = deps.feed.watch((event) => {
    if (event.type === 'end') return mailbox.end()
    if (event.type === 'resync') return mailbox.put(RENEW_EVENT, { event: RENEW_EVENT, data: {} })
    // A run that is older than the page's last row is on a later page.
    if (event.type === 'run' && !(Date.parse(event.run.created_at) < oldest)) rows.send(event.run)
  })
  if (!Number.isNaN(since)) rows.catchUp(since)
  return end
}

/** Returns the function that ends it. */
function sendRun(deps: AppDeps, c: Context<AppEnv>, run: Run, mailbox: Mailbox): () => void {
  const done = c.req.query('done')
  const order = createAnswerOrder()
  return deps.feed.watch((event) => {
    if (event.type === 'end') mailbox.end()
    if (event.type !== 'run') return
    const isNewest = order.ask()
    readRunView(deps, c, event.run)
      .then((view) => {
        if (isNewest()) mailbox.put('run', { event: 'run', markup: markupText(livePart(view, done)) })
      })
      .catch((err: unknown) => deps.log.warn({ err, run_id: run.id }, 'a run could not be shown'))
  }, run.id)
}

function livePart(view: RunView, done: string | undefined): Markup {
  return html`${runPart(view)}${done === undefined ? null : messagesPlace(runMessage(view, done))}`
}
