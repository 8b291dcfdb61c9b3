// The streams that keep Run History and the page of a run fresh. A stream of the history has the filters of its page and
// says of each run that changes whether its row belongs there; one of a run sends the live part of its page.

import { type Context, Hono } from 'hono'
import { listRuns, matchesRun, type RunFilter } from '../../../db/runs/history.ts'
import { getRun } from '../../../db/runs/runs.ts'
import type { Run } from '../../../db/schema.ts'
import { listAttempts } from '../../../db/uploads/attempts.ts'
import { listDeletedCopies } from '../../../db/uploads/deleted-copies.ts'
import { listAttemptProgress } from '../../../db/uploads/progress.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { listBindingViews } from '../../../db/views/bindings.ts'
import { stillMay } from '../../access/auth.ts'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps, TemporalUi } from '../../context.ts'
import type { ConnectionReader } from '../../http/client-connection.ts'
import { createAnswerOrder, type Mailbox, streamEvents } from '../../http/event-stream.ts'
import { notFound } from '../../http/problem.ts'
import { liveProgress } from '../../runs/live-progress.ts'
import { messagesPlace } from '../../ui/layout.ts'
import { html, markupText } from '../../ui/markup.ts'
import { goneRow, RENEW_EVENT, ROW_EVENT, runRow } from './list.ts'
import { runMessage, runPart } from './page.ts'
import { historyQuery } from './query.ts'
import type { RunView, WorkflowLink } from './view.ts'

const MOST_AUDIT = 100
/** As many as a first page has. */
const CAUGHT_UP = 50
/** A transaction that was open while the page was read has an older time than the page. */
const LONGEST_TRANSACTION_MS = 5_000
/** Rows that were told to be gone are remembered, so that each is told once; more than these are not worth it. */
const MOST_GONE = 1_000

/** Reads all that the page of a run shows. */
export function createRunReader(deps: AppDeps) {
  const { db, temporalUi = null } = deps
  return async (c: Context<AppEnv>, run: Run): Promise<RunView> => {
    const [attempts, audit, bindings, copies, live, progress] = await Promise.all([
      listAttempts(db, run.id),
      listAudit(db, { run_id: run.id, limit: MOST_AUDIT }),
      listBindingViews(db, { instance: run.instance_slug }),
      listDeletedCopies(db, [run.id]),
      liveProgress(deps, [run]),
      run.cloud_status === 'pending' ? listAttemptProgress(db, [run.id]) : [],
    ])
    return {
      run,
      live: live.get(run.id) ?? null,
      attempts,
      progress,
      audit: audit.items,
      bindings,
      copies,
      principal: c.get('principal'),
      workflow: temporalUi === null ? null : workflowLink(temporalUi, run, new URL(c.req.url).hostname),
    }
  }
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

function workflowLink({ url, namespace }: TemporalUi, run: Run, visited: string): WorkflowLink {
  return {
    url: `${url}/namespaces/${namespace}/workflows/${encodeURIComponent(run.workflow_id)}`,
    isElsewhere: LOOPBACK.test(new URL(url).hostname) && !LOOPBACK.test(visited),
  }
}

export function runStreams(deps: AppDeps, connectionOf: ConnectionReader) {
  const { db, feed, log } = deps
  const app = new Hono<AppEnv>()
  const auth = { ...deps, connectionOf }
  const isAllowed = (c: Context<AppEnv>) => stillMay(auth, c, 'read')
  const viewOf = createRunReader(deps)

  app.get('/live/runs', requires('read'), (c) => {
    const query = new URL(c.req.url).searchParams
    const { filter } = historyQuery(query)
    const since = Date.parse(query.get('since') ?? '')
    const oldest = Date.parse(query.get('oldest') ?? '')
    return streamEvents(c, {
      log,
      isAllowed: isAllowed(c),
      open: (mailbox) => {
        const rows = createRows(mailbox, filter)
        const close = feed.watch((event) => {
          if (event.type === 'end') return mailbox.end()
          if (event.type === 'resync') return mailbox.put(RENEW_EVENT, { event: RENEW_EVENT, data: {} })
          // One from before the page's last row is on a later page.
          if (event.type === 'run' && !(Date.parse(event.run.created_at) < oldest)) rows.tell(event.run)
        })
        if (!Number.isNaN(since)) {
          rows.later(async () => {
            const { items } = await listRuns(db, { ...filter, limit: CAUGHT_UP })
            const changed = items.filter(
              (run) => Date.parse(run.updated_at) >= since - LONGEST_TRANSACTION_MS,
            )
            for (const run of changed) await rows.show(run)
          })
        }
        return close
      },
    })
  })

  /** Rows go into the mailbox in the order in which they are told. */
  function createRows(mailbox: Mailbox, filter: RunFilter) {
    const gone = new Set<string>()
    let before = Promise.resolve()

    async function show(run: Run): Promise<void> {
      if (matchesRun(run, filter)) {
        gone.delete(run.id)
        const hasCopy = Object.values(run.cloud_sync_status).some(({ status }) => status === 'uploaded')
        const copies = hasCopy ? await listDeletedCopies(db, [run.id]) : []
        return mailbox.put(run.id, { event: ROW_EVENT, markup: markupText(runRow(run, copies)) })
      }
      if (gone.has(run.id)) return
      if (gone.size >= MOST_GONE) gone.clear()
      gone.add(run.id)
      mailbox.put(run.id, { event: ROW_EVENT, markup: markupText(goneRow(run)) })
    }

    function later(work: () => Promise<void>): void {
      before = before
        .then(work)
        .catch((err: unknown) => log.warn({ err }, 'a row of the history could not be shown'))
    }

    return { show, later, tell: (run: Run) => later(() => show(run)) }
  }

  app.get('/runs/:id/live', requires('read'), async (c) => {
    const run = await getRun(db, c.req.param('id'))
    if (run === null) throw notFound('run')
    const done = c.req.query('done')
    const partsOf = (view: RunView) =>
      html`${runPart(view)}${done === undefined ? null : messagesPlace(runMessage(view, done))}`
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
              if (isNewest()) mailbox.put('run', { event: 'run', markup: markupText(partsOf(view)) })
            })
            .catch((err: unknown) => log.warn({ err, run_id: run.id }, 'a run could not be shown'))
        }, run.id)
      },
    })
  })

  return app
}
