// Bindings: which instance is uploaded to which account, where to, and how many copies stay.

import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import {
  createBinding,
  deleteBinding,
  getBinding,
  listBindings,
  updateBinding,
} from '../../db/instances/bindings.ts'
import { getInstance } from '../../db/instances/instances.ts'
import type { Binding } from '../../db/schema.ts'
import { needs } from '../access/permission-check.ts'
import type { AppEnv } from '../access/principal.ts'
import type { AppDeps } from '../context.ts'
import { notFound, orNotFound } from '../http/problem.ts'
import { bindingPatchSchema, bindingSchema, newBindingSchema } from '../schemas/bindings.ts'
import { created, idParam, json, jsonBody, pageOf, problems, slugParam } from '../schemas/shared.ts'
import { audited } from './audited.ts'

const tags = ['Bindings']

const list = createRoute({
  method: 'get',
  path: '/api/instances/{slug}/bindings',
  operationId: 'listBindings',
  summary: 'All bindings of an instance, on one page',
  tags,
  ...needs('read'),
  request: { params: slugParam },
  responses: {
    200: json(pageOf(bindingSchema, 'BindingPage'), 'The bindings, oldest first'),
    ...problems(404),
  },
})

const create = createRoute({
  method: 'post',
  path: '/api/instances/{slug}/bindings',
  operationId: 'createBinding',
  summary: 'Bind an instance to an account',
  description:
    'Two bindings of one account may not mean the same folder: retention of one would count the other.',
  tags,
  ...needs('config:write'),
  request: { params: slugParam, body: jsonBody(newBindingSchema, 'The new binding') },
  responses: { 201: created(bindingSchema, 'Created'), ...problems(400, 404, 409, 413, 415, 422) },
})

const read = createRoute({
  method: 'get',
  path: '/api/bindings/{id}',
  operationId: 'getBinding',
  summary: 'One binding',
  tags,
  ...needs('read'),
  request: { params: idParam },
  responses: { 200: json(bindingSchema, 'The binding'), ...problems(404) },
})

const patch = createRoute({
  method: 'patch',
  path: '/api/bindings/{id}',
  operationId: 'updateBinding',
  summary: 'Change a binding',
  tags,
  ...needs('config:write'),
  request: { params: idParam, body: jsonBody(bindingPatchSchema, 'What changes') },
  responses: {
    200: json(bindingSchema, 'The binding as it is now'),
    ...problems(400, 404, 409, 413, 415, 422),
  },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/bindings/{id}',
  operationId: 'deleteBinding',
  summary: 'Delete a binding',
  description: 'The files at the destination and the history of the uploads stay.',
  tags,
  ...needs('config:write'),
  request: { params: idParam },
  responses: { 204: { description: 'Deleted' }, ...problems(404) },
})

function bindingResource({ instance_slug, ...binding }: Binding): z.input<typeof bindingSchema> {
  return { ...binding, instance: instance_slug }
}

export function bindingRoutes({ db }: AppDeps) {
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(list, async (c) => {
    const { slug } = c.req.valid('param')
    orNotFound(await getInstance(db, slug), 'instance')
    const bindings = await listBindings(db, slug)
    return c.json({ items: bindings.map(bindingResource), next_cursor: null }, 200)
  })

  app.openapi(create, async (c) => {
    const { slug } = c.req.valid('param')
    orNotFound(await getInstance(db, slug), 'instance')
    const binding = await audited(db, c.get('principal'), async (trx, note) => {
      const made = await createBinding(trx, { instance_slug: slug, ...c.req.valid('json') })
      await note({ event: 'binding_created', ...named(made), details: visible(made) })
      return made
    })
    return c.json(bindingResource(binding), 201, { location: `/api/bindings/${binding.id}` })
  })

  app.openapi(read, async (c) => {
    const binding = orNotFound(await getBinding(db, c.req.valid('param').id), 'binding')
    return c.json(bindingResource(binding), 200)
  })

  app.openapi(patch, async (c) => {
    const { id } = c.req.valid('param')
    const after = await audited(db, c.get('principal'), async (trx, note) => {
      const before = orNotFound(await getBinding(trx, id), 'binding')
      const changed = orNotFound(await updateBinding(trx, id, c.req.valid('json')), 'binding')
      const details = { before: visible(before), after: visible(changed) }
      await note({ event: 'binding_updated', ...named(changed), details })
      return changed
    })
    return c.json(bindingResource(after), 200)
  })

  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('param')
    await audited(db, c.get('principal'), async (trx, note) => {
      const before = orNotFound(await getBinding(trx, id), 'binding')
      if (!(await deleteBinding(trx, id))) throw notFound('binding')
      await note({ event: 'binding_deleted', ...named(before), details: visible(before) })
    })
    return c.body(null, 204)
  })

  return app
}

function named({ id, instance_slug, account_id }: Binding) {
  return { binding_id: id, instance_slug, account_id }
}

function visible({ remote_path, enabled, keep_last, retention_scope }: Binding) {
  return { remote_path, enabled, keep_last, retention_scope }
}
