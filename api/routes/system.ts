// /api/system: what runs here, for people who operate it. Keys are named by their fingerprints.

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import type { AppDeps } from '../context.ts'
import { PROGRAM_VERSION } from '../program.ts'
import { json, problems } from '../schemas/shared.ts'

const systemSchema = z
  .object({
    version: z.string(),
    task_queue: z.string(),
    key_fingerprints: z
      .array(z.string())
      .readonly()
      .openapi({ description: 'Of the keys of the key file; the first one seals' }),
  })
  .openapi('System')

const read = createRoute({
  method: 'get',
  path: '/api/system',
  operationId: 'getSystem',
  summary: 'Version, task queue and fingerprints of the keys',
  tags: ['Operation'],
  ...needs('read'),
  responses: { 200: json(systemSchema, 'What runs here'), ...problems() },
})

export function systemRoutes({ vault, config }: AppDeps) {
  const app = new OpenAPIHono<AppEnv>()
  app.openapi(read, (c) => {
    const { taskQueue } = config
    return c.json(
      { version: PROGRAM_VERSION, task_queue: taskQueue, key_fingerprints: vault.fingerprints },
      200,
    )
  })
  return app
}
