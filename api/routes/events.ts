// Streams of changes, driven by what the database announces: one run, or everything.

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Run } from '../../db/schema.ts'
import { stillMay } from '../access/auth.ts'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import type { AppDeps } from '../context.ts'
import type { ConnectionReader } from '../http/client-connection.ts'
import { streamEvents } from '../http/event-stream.ts'
import { knownRun } from '../runs/known-run.ts'
import { runIdParam } from '../schemas/runs.ts'
import { problems } from '../schemas/shared.ts'

const tags = ['Events']
const stream = (description: string) => ({
  description,
  content: { 'text/event-stream': { schema: z.string() } },
})

const runEvents = createRoute({
  method: 'get',
  path: '/api/runs/{id}/events',
  operationId: 'streamRun',
  summary: 'Changes of one run',
  description:
    'A `status` event with `{ id, cloud_status, cloud_sync_status, error, updated_at }` at once and at each change, at most one per second.',
  tags,
  ...needs('read'),
  request: { params: runIdParam },
  responses: { 200: stream('Server-sent events'), ...problems(404) },
})

const allEvents = createRoute({
  method: 'get',
  path: '/api/events',
  operationId: 'streamAll',
  summary: 'All changes',
  description:
    'A `run` event (as `status` of one run, with its instance) for each run that changes, at most one per second; a `setup` event ' +
    '`{ kind, id, change }` for instances, accounts and bindings; a `resync` event when changes may have been missed.',
  tags,
  ...needs('read'),
  responses: { 200: stream('Server-sent events'), ...problems() },
})

export function eventRoutes(deps: AppDeps, connectionOf: ConnectionReader) {
  const { feed } = deps
  const app = new OpenAPIHono<AppEnv>()
  const auth = { ...deps, connectionOf }

  app.openapi(runEvents, async (c) => {
    const { id } = c.req.valid('param')
    const run = await knownRun(deps.db, id)
    return streamEvents(c, {
      log: deps.log,
      isAllowed: stillMay(auth, c, 'read'),
      open: (mailbox) => {
        let shown = ''
        const show = (changed: Run) => {
          const data = statusOf(changed)
          const { updated_at: _, ...content } = data
          const text = JSON.stringify(content)
          if (text !== shown) mailbox.put('status', { event: 'status', data })
          shown = text
        }
        const close = feed.watch((event) => {
          if (event.type === 'run') show(event.run)
          if (event.type === 'end') mailbox.end()
        }, id)
        show(run)
        return close
      },
    })
  })

  app.openapi(allEvents, (c) =>
    streamEvents(c, {
      log: deps.log,
      isAllowed: stillMay(auth, c, 'read'),
      open: (mailbox) =>
        feed.watch((event) => {
          switch (event.type) {
            case 'run': {
              const data = { instance: event.run.instance_slug, ...statusOf(event.run) }
              return mailbox.put(`run ${event.run.id}`, { event: 'run', data })
            }
            case 'setup': {
              const { kind, id } = event.change
              return mailbox.put(`${kind} ${id}`, { event: 'setup', data: event.change })
            }
            case 'resync':
              return mailbox.put('resync', { event: 'resync', data: {} })
            case 'end':
              return mailbox.end()
          }
        }),
    }),
  )

  return app
}

function statusOf({ id, cloud_status, cloud_sync_status, error, updated_at }: Run) {
  return { id, cloud_status, cloud_sync_status, error, updated_at }
}
