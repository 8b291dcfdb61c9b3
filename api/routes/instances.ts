// /api/instances: the Odoo instances whose archives are uploaded.

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import {
  createInstance,
  deleteInstance,
  getInstance,
  listInstances,
  updateInstance,
} from '../../db/instances/instances.ts'
import type { Instance } from '../../db/schema.ts'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import type { AppDeps } from '../context.ts'
import { notFound, orNotFound } from '../http/problem.ts'
import { instancePatchSchema, instanceSchema, newInstanceSchema } from '../schemas/instances.ts'
import {
  created,
  DEFAULT_PAGE_SIZE,
  json,
  jsonBody,
  pageOf,
  pageQuery,
  problems,
  slugParam,
} from '../schemas/shared.ts'
import { audited } from './audited.ts'

const tags = ['Instances']

const list = createRoute({
  method: 'get',
  path: '/api/instances',
  operationId: 'listInstances',
  summary: 'All instances, by slug',
  tags,
  ...needs('read'),
  request: { query: z.object(pageQuery) },
  responses: { 200: json(pageOf(instanceSchema, 'InstancePage'), 'A page of instances'), ...problems(422) },
})

const create = createRoute({
  method: 'post',
  path: '/api/instances',
  operationId: 'createInstance',
  summary: 'Create an instance',
  tags,
  ...needs('config:write'),
  request: { body: jsonBody(newInstanceSchema, 'The new instance; its name is the slug by default') },
  responses: { 201: created(instanceSchema, 'Created'), ...problems(400, 409, 413, 415, 422) },
})

const read = createRoute({
  method: 'get',
  path: '/api/instances/{slug}',
  operationId: 'getInstance',
  summary: 'One instance',
  tags,
  ...needs('read'),
  request: { params: slugParam },
  responses: { 200: json(instanceSchema, 'The instance'), ...problems(404) },
})

const patch = createRoute({
  method: 'patch',
  path: '/api/instances/{slug}',
  operationId: 'updateInstance',
  summary: 'Rename an instance',
  description: 'The slug stays: workflow IDs and remote folders are made of it.',
  tags,
  ...needs('config:write'),
  request: { params: slugParam, body: jsonBody(instancePatchSchema, 'What changes') },
  responses: { 200: json(instanceSchema, 'The instance as it is now'), ...problems(400, 404, 413, 415, 422) },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/instances/{slug}',
  operationId: 'deleteInstance',
  summary: 'Delete an instance',
  description: 'Refused while it has bindings or runs: history is never deleted with it.',
  tags,
  ...needs('config:write'),
  request: { params: slugParam },
  responses: { 204: { description: 'Deleted' }, ...problems(404, 409) },
})

function resource(instance: Instance) {
  return { id: instance.slug, ...instance }
}

export function instanceRoutes({ db }: AppDeps) {
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(list, async (c) => {
    const { limit = DEFAULT_PAGE_SIZE, cursor } = c.req.valid('query')
    const page = await listInstances(db, { limit, cursor })
    return c.json({ items: page.items.map(resource), next_cursor: page.next_cursor }, 200)
  })

  app.openapi(create, async (c) => {
    const { slug, name = slug } = c.req.valid('json')
    const instance = await audited(db, c.get('principal'), async (trx, note) => {
      const made = await createInstance(trx, { slug, name })
      await note({ event: 'instance_created', instance_slug: slug, details: { name } })
      return made
    })
    return c.json(resource(instance), 201, { location: `/api/instances/${slug}` })
  })

  app.openapi(read, async (c) => {
    const instance = orNotFound(await getInstance(db, c.req.valid('param').slug), 'instance')
    return c.json(resource(instance), 200)
  })

  app.openapi(patch, async (c) => {
    const { slug } = c.req.valid('param')
    const { name } = c.req.valid('json')
    const instance = await audited(db, c.get('principal'), async (trx, note) => {
      const before = orNotFound(await getInstance(trx, slug), 'instance')
      if (name === undefined || name === before.name) return before
      const after = orNotFound(await updateInstance(trx, slug, { name }), 'instance')
      const details = { before: { name: before.name }, after: { name } }
      await note({ event: 'instance_updated', instance_slug: slug, details })
      return after
    })
    return c.json(resource(instance), 200)
  })

  app.openapi(remove, async (c) => {
    const { slug } = c.req.valid('param')
    await audited(db, c.get('principal'), async (trx, note) => {
      const { name } = orNotFound(await getInstance(trx, slug), 'instance')
      if (!(await deleteInstance(trx, slug))) throw notFound('instance')
      await note({ event: 'instance_deleted', instance_slug: slug, details: { before: { name } } })
    })
    return c.body(null, 204)
  })

  return app
}
