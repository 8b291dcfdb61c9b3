// /overview: the state of everything, renewed while it is looked at.

import { type Context, Hono } from 'hono'
import type { Db } from '../../../db/database.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { listRuns } from '../../../db/runs/history.ts'
import { listSafety } from '../../../db/views/instances.ts'
import { countOpenRuns, listFailureCauses, listUploadedBytes } from '../../../db/views/overview.ts'
import { stillMay } from '../../access/auth.ts'
import { may, requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import type { ConnectionReader } from '../../http/client-connection.ts'
import { type Mailbox, streamEvents } from '../../http/event-stream.ts'
import type { HealthCheck } from '../../operation/health.ts'
import { createStandstillWatch } from '../../operation/standstill.ts'
import type { ChangeFeed } from '../../runs/change-feed.ts'
import { STANDSTILL_PATH } from '../../ui/layout.ts'
import { html, markupText } from '../../ui/markup.ts'
import { asksForPart, sendPage, sendWholePage } from '../../ui/page-response.ts'
import { ROW_EVENT, runRow } from '../runs/list.ts'
import { type OverviewView, overviewPage, overviewTexts } from './page.ts'
import { keyOf, standstillNotice } from './standstill-notice.ts'

const DAYS = 30
const DAY_MS = 86_400_000
const OPEN_SHOWN = 20
/** In a busy night something changes all the time. Renewing everything this often is enough. */
const RENEW_EVERY_MS = 5_000

export function overviewPages(deps: AppDeps, connectionOf: ConnectionReader, health: HealthCheck) {
  const app = new Hono<AppEnv>()
  const standstillWatch = createStandstillWatch(health)

  app.get('/overview', requires('read'), async (c) => {
    const [standstill, view] = await Promise.all([standstillWatch.check(), readOverview(deps.db, c)])
    const body = overviewPage({ ...view, standsStill: standstill !== null })
    if (asksForPart(c)) return sendPage(c, body)
    const frame = { title: overviewTexts.title, active: 'overview', body } as const
    return sendWholePage(c, { ...frame, standstill: standstillNotice(standstill) })
  })

  app.get(STANDSTILL_PATH, requires('read'), async (c) => {
    const standstill = await standstillWatch.check()
    // The notice that is shown already is not sent again, because screen readers would read it out again.
    if ((c.req.query('shown') ?? '') === keyOf(standstill)) return c.body(null, 204)
    return sendPage(c, html`${standstillNotice(standstill)}`)
  })

  app.get('/live/overview', requires('read'), (c) =>
    streamEvents(c, {
      log: deps.log,
      isAllowed: stillMay({ ...deps, connectionOf }, c, 'read'),
      open: (mailbox) => sendChanges(deps.feed, mailbox),
    }),
  )

  return app
}

async function readOverview(db: Db, c: Context<AppEnv>): Promise<Omit<OverviewView, 'standsStill'>> {
  const [now, instances, open, counts, failures, uploaded] = await Promise.all([
    databaseNow(db),
    listSafety(db),
    listRuns(db, { status: 'pending', limit: OPEN_SHOWN }),
    countOpenRuns(db),
    listFailureCauses(db),
    listUploadedBytes(db, DAYS),
  ])
  const days = Array.from({ length: DAYS }, (_, index) =>
    new Date(now - (DAYS - 1 - index) * DAY_MS).toISOString().slice(0, 10),
  )
  return {
    instances,
    openRuns: open.items,
    openCount: counts.open,
    failures,
    days,
    uploaded,
    mayWrite: may(c, 'config:write'),
  }
}

/** Sends rows of runs at once and, at most every few seconds, the event that renews the whole. */
function sendChanges(feed: ChangeFeed, mailbox: Mailbox): () => void {
  let timer: NodeJS.Timeout | null = null
  const renew = () => {
    timer = null
    mailbox.put('changed', { event: 'changed', data: {} })
  }
  const end = feed.watch((event) => {
    if (event.type === 'end') return mailbox.end()
    if (event.type === 'run') {
      const { run } = event
      mailbox.put(run.id, { event: ROW_EVENT, markup: markupText(runRow(run)) })
    }
    timer ??= setTimeout(renew, RENEW_EVERY_MS)
  })
  return () => {
    end()
    if (timer !== null) clearTimeout(timer)
  }
}
