// /api/users: the people who may log in, for administrators. Nobody gains permissions through another user: creating a user,
// changing a role and setting a password need every permission of that role. Changing one's own password needs the old one
// (api/routes/session.ts), so that a session that was left open is not enough.

import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import { createUser, deleteUser, getUser, listUsers, setPassword, setRole } from '../../db/access/users.ts'
import type { User } from '../../db/schema.ts'
import { hashPassword, passwordFault } from '../access/passwords.ts'
import { needs, refuseMoreThanOwn } from '../access/permission-check.ts'
import { ROLE_PERMISSIONS } from '../access/permissions.ts'
import type { AppEnv } from '../access/principal.ts'
import type { AppDeps } from '../context.ts'
import { invalidField, notFound, orNotFound, Problem } from '../http/problem.ts'
import { newUserSchema, userPatchSchema, userSchema } from '../schemas/access.ts'
import { created, idParam, json, jsonBody, pageOf, problems } from '../schemas/shared.ts'
import { audited } from './audited.ts'

const tags = ['Access']

const list = createRoute({
  method: 'get',
  path: '/api/users',
  operationId: 'listUsers',
  summary: 'All users, on one page',
  tags,
  ...needs('users:write'),
  responses: { 200: json(pageOf(userSchema, 'UserPage'), 'The users, by name'), ...problems() },
})

const create = createRoute({
  method: 'post',
  path: '/api/users',
  operationId: 'createUser',
  summary: 'Create a user',
  description: 'The password must be changed at the first login. Needs every permission of the role as well.',
  tags,
  ...needs('users:write'),
  request: { body: jsonBody(newUserSchema, 'The new user') },
  responses: { 201: created(userSchema, 'Created'), ...problems(400, 409, 413, 415, 422) },
})

const read = createRoute({
  method: 'get',
  path: '/api/users/{id}',
  operationId: 'getUser',
  summary: 'One user',
  tags,
  ...needs('users:write'),
  request: { params: idParam },
  responses: { 200: json(userSchema, 'The user'), ...problems(404) },
})

const patch = createRoute({
  method: 'patch',
  path: '/api/users/{id}',
  operationId: 'updateUser',
  summary: 'Change role or password of a user',
  description:
    "Needs every permission of the new role, and with a password of the user's own role as well. " +
    "One's own password is changed by PUT /api/session/password.",
  tags,
  ...needs('users:write'),
  request: { params: idParam, body: jsonBody(userPatchSchema, 'What changes') },
  responses: { 200: json(userSchema, 'The user as it is now'), ...problems(400, 404, 409, 413, 415, 422) },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/users/{id}',
  operationId: 'deleteUser',
  summary: 'Delete a user',
  description: 'Ends all sessions of the user. The last administrator cannot be deleted.',
  tags,
  ...needs('users:write'),
  request: { params: idParam },
  responses: { 204: { description: 'Deleted' }, ...problems(404, 409) },
})

function resource(user: User): z.input<typeof userSchema> {
  const { password_hash: _hash, ...shown } = user
  return shown
}

export function userRoutes({ db }: AppDeps) {
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(list, async (c) => {
    return c.json({ items: (await listUsers(db)).map(resource), next_cursor: null }, 200)
  })

  app.openapi(create, async (c) => {
    const { username, password, role } = c.req.valid('json')
    const principal = c.get('principal')
    refuseMoreThanOwn(principal, ROLE_PERMISSIONS[role])
    const password_hash = await acceptedHash(password, username)
    const user = await audited(db, principal, async (trx, note) => {
      const made = await createUser(trx, { username, password_hash, role, must_change_password: true })
      await note({ event: 'user_created', details: { username, role } })
      return made
    })
    return c.json(resource(user), 201, { location: `/api/users/${user.id}` })
  })

  app.openapi(read, async (c) => {
    const user = orNotFound(await getUser(db, c.req.valid('param').id), 'user')
    return c.json(resource(user), 200)
  })

  app.openapi(patch, async (c) => {
    const { id } = c.req.valid('param')
    const { role, password } = c.req.valid('json')
    const principal = c.get('principal')
    const before = orNotFound(await getUser(db, id), 'user')
    if (password !== undefined && id === principal.session?.user.id) {
      throw new Problem(403, 'Change your own password by PUT /api/session/password, with the old one.')
    }
    if (password !== undefined) refuseMoreThanOwn(principal, ROLE_PERMISSIONS[before.role])
    if (role !== undefined) refuseMoreThanOwn(principal, ROLE_PERMISSIONS[role])
    const hash = password === undefined ? null : await acceptedHash(password, before.username)
    const after = await audited(db, principal, async (trx, note) => {
      if (role !== undefined && role !== before.role) await setRole(trx, id, role)
      if (hash !== null) await setPassword(trx, id, hash, { mustChange: true })
      const details = {
        username: before.username,
        before: { role: before.role },
        after: { role: role ?? before.role },
        new_password: hash !== null,
      }
      await note({ event: 'user_updated', details })
      const changed = orNotFound(await getUser(trx, id), 'user')
      // The user may have got another role in the meantime.
      if (hash !== null) refuseMoreThanOwn(principal, ROLE_PERMISSIONS[changed.role])
      return changed
    })
    return c.json(resource(after), 200)
  })

  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('param')
    await audited(db, c.get('principal'), async (trx, note) => {
      const { username, role } = orNotFound(await getUser(trx, id), 'user')
      if (!(await deleteUser(trx, id))) throw notFound('user')
      await note({ event: 'user_deleted', details: { username, role } })
    })
    return c.body(null, 204)
  })

  return app
}

async function acceptedHash(password: string, username: string): Promise<string> {
  const fault = passwordFault(password, username)
  if (fault !== null) throw invalidField('password', fault)
  return hashPassword(password)
}
