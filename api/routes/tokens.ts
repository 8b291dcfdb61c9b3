// /api/tokens: tokens for programs. A token is shown once, when it is made, and stored as a hash. Nobody can make a token with
// permissions that they lack. A person's token never has more permissions than the person has now, so it does not outlive them.

import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import {
  createApiToken,
  deleteApiToken,
  getApiToken,
  listApiTokens,
  type MadeApiToken,
  makerOf,
} from '../../db/access/api-tokens.ts'
import { needs, refuseMoreThanOwn } from '../access/permission-check.ts'
import { permissionsOfToken } from '../access/permissions.ts'
import type { AppEnv } from '../access/principal.ts'
import { newSecret, secretHash } from '../access/session-cookie.ts'
import type { AppDeps } from '../context.ts'
import { orNotFound } from '../http/problem.ts'
import { createdTokenSchema, newTokenSchema, tokenSchema } from '../schemas/access.ts'
import { created, idParam, json, jsonBody, pageOf, problems } from '../schemas/shared.ts'
import { audited } from './audited.ts'

const tags = ['Access']

/** Lets scanners for leaked secrets recognise a token. */
const PREFIX = 'cloudsync_'

const list = createRoute({
  method: 'get',
  path: '/api/tokens',
  operationId: 'listTokens',
  summary: 'All API tokens, on one page',
  tags,
  ...needs('users:write'),
  responses: { 200: json(pageOf(tokenSchema, 'ApiTokenPage'), 'The tokens, by name'), ...problems() },
})

const create = createRoute({
  method: 'post',
  path: '/api/tokens',
  operationId: 'createToken',
  summary: 'Make an API token',
  description:
    'An orchestrator that reports backups needs `runs:write`; one that looks at them as well, `read`. A token that a person ' +
    'has made may do what both its scopes and the role of the person allow, at each request; when the person is deleted, it ' +
    'is refused. One made with API_TOKEN keeps its scopes.',
  tags,
  ...needs('users:write'),
  request: { body: jsonBody(newTokenSchema, 'What it may do, and until when') },
  responses: {
    201: created(createdTokenSchema, 'Made; the token is shown this once'),
    ...problems(400, 409, 413, 415, 422),
  },
})

const read = createRoute({
  method: 'get',
  path: '/api/tokens/{id}',
  operationId: 'getToken',
  summary: 'One API token, without its secret',
  tags,
  ...needs('users:write'),
  request: { params: idParam },
  responses: { 200: json(tokenSchema, 'The token'), ...problems(404) },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/tokens/{id}',
  operationId: 'deleteToken',
  summary: 'Delete an API token',
  tags,
  ...needs('users:write'),
  request: { params: idParam },
  responses: { 204: { description: 'Deleted: it is not accepted any more' }, ...problems(404) },
})

function resource(token: MadeApiToken): z.input<typeof tokenSchema> {
  const { maker, ...shown } = token
  return { ...shown, effective_scopes: permissionsOfToken(token), maker_deleted: maker === 'deleted' }
}

export function tokenRoutes({ db }: AppDeps) {
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(list, async (c) =>
    c.json({ items: (await listApiTokens(db)).map(resource), next_cursor: null }, 200),
  )

  app.openapi(read, async (c) => {
    const token = orNotFound(await getApiToken(db, c.req.valid('param').id), 'token')
    return c.json(resource(token), 200)
  })

  app.openapi(create, async (c) => {
    const { name, scopes, expires_at = null } = c.req.valid('json')
    const principal = c.get('principal')
    refuseMoreThanOwn(principal, scopes)
    const token = `${PREFIX}${newSecret()}`
    const made = await audited(db, principal, async (trx, note) => {
      const created_by = makerOf(principal.actor, principal.person)
      const values = { name, scopes, expires_at, created_by, token_hash: secretHash(token) }
      const { id } = await createApiToken(trx, values)
      await note({ event: 'token_created', details: { name, scopes, expires_at } })
      return getApiToken(trx, id)
    })
    if (made === null) throw new Error('a token that was just made is not there')
    return c.json({ ...resource(made), token }, 201, { location: `/api/tokens/${made.id}` })
  })

  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('param')
    await audited(db, c.get('principal'), async (trx, note) => {
      const { name, scopes } = orNotFound(await deleteApiToken(trx, id), 'token')
      await note({ event: 'token_deleted', details: { name, scopes } })
    })
    return c.body(null, 204)
  })

  return app
}
