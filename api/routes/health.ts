// /healthz: the process is up. /readyz: the database, Temporal and the key can be used. Both are open to everybody and
// say nothing that an intruder could use.

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { sql } from 'kysely'
import type { AppDeps, AppEnv } from '../app-context.ts'

const tags = ['Operation']

const healthSchema = z.object({ status: z.literal('ok') }).openapi('Health')

const partSchema = z.enum(['ok', 'unavailable'])

const readinessSchema = z
  .object({
    status: z.enum(['ready', 'not_ready']),
    checks: z.object({ database: partSchema, temporal: partSchema, key: partSchema }),
  })
  .openapi('Readiness')

const ready = 'Everything that the API needs answers'

const healthz = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'getHealth',
  summary: 'Liveness',
  tags,
  security: [],
  responses: { 200: { description: 'Up', content: { 'application/json': { schema: healthSchema } } } },
})

const readyz = createRoute({
  method: 'get',
  path: '/readyz',
  operationId: 'getReadiness',
  summary: 'Readiness of database, Temporal and key',
  tags,
  security: [],
  responses: {
    200: { description: ready, content: { 'application/json': { schema: readinessSchema } } },
    503: { description: 'A part is away', content: { 'application/json': { schema: readinessSchema } } },
  },
})

export function healthRoutes({ db, vault, temporal, log }: AppDeps) {
  const app = new OpenAPIHono<AppEnv>()

  async function isUp(part: string, look: () => Promise<unknown>) {
    try {
      await look()
      return 'ok' as const
    } catch (err) {
      log.warn({ err, part }, 'not ready')
      return 'unavailable' as const
    }
  }

  app.openapi(healthz, (c) => c.json({ status: 'ok' as const }, 200))

  app.openapi(readyz, async (c) => {
    const [database, reachable, key] = await Promise.all([
      isUp('database', () => sql`select 1`.execute(db)),
      isUp('temporal', () => temporal.check()),
      isUp('key', async () => vault.open('readyz', 'probe', vault.seal('readyz', 'probe', 'ok'))),
    ])
    const checks = { database, temporal: reachable, key }
    return Object.values(checks).every((state) => state === 'ok')
      ? c.json({ status: 'ready' as const, checks }, 200)
      : c.json({ status: 'not_ready' as const, checks }, 503)
  })

  return app
}
