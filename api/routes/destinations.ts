// Which files are at a binding's destination, and what a prune would delete there. An activity asks the provider, because the
// API process has neither a provider's code nor opened credentials.

import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { getBinding } from '../../db/instances/bindings.ts'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import { listRemoteFiles, previewPrune } from '../accounts/remote-files.ts'
import type { AppDeps } from '../context.ts'
import { invalidField, orNotFound } from '../http/problem.ts'
import {
  previewQuery,
  prunePreviewSchema,
  remoteFileListSchema,
  remoteFilesQuery,
} from '../schemas/bindings.ts'
import { idParam, json, problems } from '../schemas/shared.ts'

const tags = ['Bindings']

const remoteFiles = createRoute({
  method: 'get',
  path: '/api/bindings/{id}/remote-files',
  operationId: 'listRemoteFiles',
  summary: 'What is at the destination now',
  tags,
  ...needs('read'),
  request: { params: idParam, query: remoteFilesQuery },
  responses: {
    200: json(remoteFileListSchema, 'The files of the folder, newest first'),
    ...problems(404, 409, 422, 502),
  },
})

const prunePreview = createRoute({
  method: 'get',
  path: '/api/bindings/{id}/prune-preview',
  operationId: 'previewPrune',
  summary: 'What a prune would delete and keep',
  description:
    'Deletes nothing. `guard` says whether the prune would be stopped because it would delete everything.',
  tags,
  ...needs('read'),
  request: { params: idParam, query: previewQuery },
  responses: { 200: json(prunePreviewSchema, 'The plan'), ...problems(404, 409, 422, 502) },
})

export function destinationRoutes(deps: AppDeps) {
  const { db } = deps
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(remoteFiles, async (c) => {
    const { id } = c.req.valid('param')
    orNotFound(await getBinding(db, id), 'binding')
    const database = c.req.valid('query').database ?? null
    const { files, ...listed } = await listRemoteFiles(deps, { binding_id: id, database })
    return c.json({ ...listed, items: files, next_cursor: null }, 200)
  })

  app.openapi(prunePreview, async (c) => {
    const { id } = c.req.valid('param')
    const binding = orNotFound(await getBinding(db, id), 'binding')
    const { keep_last, database = null } = c.req.valid('query')
    const keepLast = keep_last ?? binding.keep_last
    if (keepLast === null)
      throw invalidField('keep_last', 'the binding keeps all: say how many a prune should keep')
    return c.json(await previewPrune(deps, { binding_id: id, keep_last: keepLast, database }), 200)
  })

  return app
}
