// /api/audit: who did what, and what the program did by itself. It can only be read.

import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { listAudit } from '../../db/views/audit.ts'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import type { AppDeps } from '../context.ts'
import { auditEntrySchema, auditQuery } from '../schemas/audit.ts'
import { DEFAULT_PAGE_SIZE, json, pageOf, problems } from '../schemas/shared.ts'

const list = createRoute({
  method: 'get',
  path: '/api/audit',
  operationId: 'listAudit',
  summary: 'The audit trail, newest first',
  tags: ['Audit'],
  ...needs('read'),
  request: { query: auditQuery },
  responses: { 200: json(pageOf(auditEntrySchema, 'AuditPage'), 'A page of entries'), ...problems(422) },
})

export function auditRoutes({ db }: AppDeps) {
  const app = new OpenAPIHono<AppEnv>()
  app.openapi(list, async (c) => {
    const { limit = DEFAULT_PAGE_SIZE, q, ...filter } = c.req.valid('query')
    const page = await listAudit(db, { limit, search: q, ...filter })
    const items = page.items.map(({ id, instance_slug, ...entry }) => ({
      ...entry,
      id: String(id),
      instance: instance_slug,
    }))
    return c.json({ items, next_cursor: page.next_cursor }, 200)
  })
  return app
}
