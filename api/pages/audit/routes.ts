// /audit: the trail of who did what.

import { type Context, Hono } from 'hono'
import type { Db } from '../../../db/database.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { withNames } from '../../../db/views/audit-names.ts'
import { requires } from '../../access/permission-check.ts'
import type { AppEnv } from '../../access/principal.ts'
import type { AppDeps } from '../../context.ts'
import { invalidInput } from '../../http/problem.ts'
import { fieldErrors } from '../../http/validation.ts'
import { auditQuery } from '../../schemas/audit.ts'
import { asksForPart, sendPage, sendWholePage } from '../../ui/page-response.ts'
import { auditPage, auditPart, auditTexts } from './page.ts'

const PAGE_SIZE = 50

export function auditPages({ db }: Pick<AppDeps, 'db'>) {
  const app = new Hono<AppEnv>()
  app.get('/audit', requires('read'), (c) => showAudit(db, c))
  return app
}

async function showAudit(db: Db, c: Context<AppEnv>): Promise<Response> {
  const query = new URL(c.req.url).searchParams
  const given = Object.fromEntries([...query].filter(([, value]) => value.trim() !== ''))
  const parsed = auditQuery.safeParse(given)
  if (!parsed.success) throw invalidInput(fieldErrors(parsed.error))
  const { limit: _limit, q, ...filter } = parsed.data
  const found = await listAudit(db, { ...filter, search: q, limit: PAGE_SIZE })
  const page = { ...found, items: await withNames(db, found.items) }
  if (asksForPart(c)) return sendPage(c, auditPart(page, query))
  return sendWholePage(c, { title: auditTexts.title, active: 'audit', body: auditPage(page, query) })
}
