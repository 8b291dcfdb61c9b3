// /api/tokens: tokens for programs. A token is shown once, when it is made, and kept as a hash; nobody can make one
// that may do more than himself, nor come to more by way of a user (api/routes/users.ts).

import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { createApiToken, deleteApiToken, listApiTokens } from '../../db/api-tokens.ts'
import { appendAudit } from '../../db/audit.ts'
import type { AppDeps, AppEnv } from '../app-context.ts'
import { needs, refuseMoreThanOwn } from '../permissions.ts'
import { notFound } from '../problem.ts'
import { createdTokenSchema, newTokenSchema, tokenSchema } from '../schemas/access.ts'
import { idParam, json, jsonBody, pageOf, problems } from '../schemas/shared.ts'
import { newSecret, secretHash } from '../session-cookie.ts'

const tags = ['Access']

/** Lets scanners of leaked secrets recognise one. */
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
    'An orchestrator that reports backups needs `runs:write`; one that looks at them as well, `read`.',
  tags,
  ...needs('users:write'),
  request: { body: jsonBody(newTokenSchema, 'What it may do, and until when') },
  responses: {
    201: json(createdTokenSchema, 'Made; the token is shown this once'),
    ...problems(400, 409, 413, 415, 422),
  },
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

export function tokenRoutes({ db }: AppDeps) {
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(list, async (c) => c.json({ items: await listApiTokens(db), next_cursor: null }, 200))

  app.openapi(create, async (c) => {
    const { name, scopes, expires_at = null } = c.req.valid('json')
    const { actor } = c.get('principal')
    refuseMoreThanOwn(c.get('principal'), scopes)
    const token = `${PREFIX}${newSecret()}`
    const made = await db.transaction().execute(async (trx) => {
      const values = { name, scopes, expires_at, created_by: actor, token_hash: secretHash(token) }
      const row = await createApiToken(trx, values)
      await appendAudit(trx, { actor, event: 'token_created', details: { name, scopes, expires_at } })
      return row
    })
    return c.json({ ...made, token }, 201, { location: '/api/tokens' })
  })

  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('param')
    const { actor } = c.get('principal')
    const deleted = await db.transaction().execute(async (trx) => {
      const gone = await deleteApiToken(trx, id)
      if (gone !== null) {
        const { name, scopes } = gone
        await appendAudit(trx, { actor, event: 'token_deleted', details: { name, scopes } })
      }
      return gone !== null
    })
    if (!deleted) throw notFound('token')
    return c.body(null, 204)
  })

  return app
}
