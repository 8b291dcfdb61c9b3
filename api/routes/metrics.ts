// /metrics: for Prometheus, with a token that may read.

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import type { AppDeps } from '../context.ts'
import { renderMetrics, type TrafficMeter } from '../operation/metrics.ts'
import { problems } from '../schemas/shared.ts'

const metrics = createRoute({
  method: 'get',
  path: '/metrics',
  operationId: 'getMetrics',
  summary: 'Prometheus metrics',
  tags: ['Operation'],
  ...needs('read'),
  responses: {
    200: {
      description: 'Text format 0.0.4',
      content: { 'text/plain': { schema: z.string() } },
    },
    ...problems(),
  },
})

export function metricsRoutes(deps: AppDeps, traffic: TrafficMeter) {
  const app = new OpenAPIHono<AppEnv>()
  app.openapi(metrics, async (c) => {
    const text = await renderMetrics(deps, traffic)
    return c.text(text, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  })
  return app
}
