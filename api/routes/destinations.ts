// What is at a binding's destination now, and what a prune would do there. The provider is asked by an activity: the
// API process has neither a provider's code nor opened credentials.

import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { getBinding } from '../../db/bindings.ts'
import type { AppDeps, AppEnv } from '../app-context.ts'
import { requires } from '../permissions.ts'
import { invalidField, notFound } from '../problem.ts'
import { previewQuery, prunePreviewSchema, remoteFilesSchema } from '../schemas/bindings.ts'
import { idParam, json, problems, secured } from '../schemas/shared.ts'

const tags = ['Bindings']
/** A folder of many thousand files takes a provider a while. */
const LISTING_TIMEOUT_MS = 90_000
const WORKER_WITHIN_MS = 10_000

const remoteFiles = createRoute({
  method: 'get',
  path: '/api/bindings/{id}/remote-files',
  operationId: 'listRemoteFiles',
  summary: 'What is at the destination now',
  tags,
  security: secured,
  middleware: requires('read'),
  request: { params: idParam },
  responses: { 200: json(remoteFilesSchema, 'The files of the folder'), ...problems(404, 422, 502) },
})

const prunePreview = createRoute({
  method: 'get',
  path: '/api/bindings/{id}/prune-preview',
  operationId: 'previewPrune',
  summary: 'What a prune would delete and keep',
  description:
    'Deletes nothing. `guard` says whether the prune would be stopped because it would delete everything.',
  tags,
  security: secured,
  middleware: requires('read'),
  request: { params: idParam, query: previewQuery },
  responses: { 200: json(prunePreviewSchema, 'The plan'), ...problems(404, 422, 502) },
})

export function destinationRoutes({ db, temporal, config }: AppDeps) {
  const app = new OpenAPIHono<AppEnv>()
  const asked = {
    taskQueue: config.taskQueue,
    timeoutMs: LISTING_TIMEOUT_MS,
    workerWithinMs: WORKER_WITHIN_MS,
  }

  app.openapi(remoteFiles, async (c) => {
    const { id } = c.req.valid('param')
    if ((await getBinding(db, id)) === null) throw notFound('binding')
    const call = { ...asked, name: 'listRemoteFiles', args: { binding_id: id }, result: remoteFilesSchema }
    return c.json(await temporal.runActivity(call), 200)
  })

  app.openapi(prunePreview, async (c) => {
    const { id } = c.req.valid('param')
    const binding = await getBinding(db, id)
    if (binding === null) throw notFound('binding')
    const keepLast = c.req.valid('query').keep_last ?? binding.keep_last
    if (keepLast === null)
      throw invalidField('keep_last', 'the binding keeps all: say how many a prune should keep')
    const args = { binding_id: id, keep_last: keepLast }
    const call = { ...asked, name: 'previewPrune', args, result: prunePreviewSchema }
    return c.json(await temporal.runActivity(call), 200)
  })

  return app
}
