// /healthz: the process is up. /readyz: the database, Temporal and the key can be used. Both are open to everybody and reveal
// nothing that an intruder could use.

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppEnv } from '../access/principal.ts'
import { Problem } from '../http/problem.ts'
import type { HealthCheck } from '../operation/health.ts'
import { problem } from '../schemas/shared.ts'

const tags = ['Operation']

const healthSchema = z.object({ status: z.literal('ok') }).openapi('Health')

const partSchema = z.enum(['ok', 'unavailable'])

const readinessSchema = z
  .object({
    status: z.literal('ready'),
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
    503: problem('A part is away: `checks` says which'),
  },
})

export function healthRoutes(health: HealthCheck) {
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(healthz, (c) => c.json({ status: 'ok' as const }, 200))

  app.openapi(readyz, async (c) => {
    const [database, temporal, key] = await Promise.all([health.database(), health.temporal(), health.key()])
    const checks = { database: stateOf(database), temporal: stateOf(temporal), key: stateOf(key) }
    if (database && temporal && key) return c.json({ status: 'ready' as const, checks }, 200)
    const away = Object.entries(checks).filter(([, state]) => state !== 'ok')
    const detail = `Not ready: ${away.map(([part]) => part).join(', ')}.`
    throw new Problem(503, detail, { checks, headers: { 'retry-after': '5' } })
  })

  return app
}

function stateOf(isUp: boolean): z.infer<typeof partSchema> {
  return isUp ? 'ok' : 'unavailable'
}
