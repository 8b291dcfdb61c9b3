// /api/session: logging in and out, and changing one's own password.

import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import { createUserSession, deleteUserSession, findSessionUser } from '../../db/access/user-sessions.ts'
import { setPassword } from '../../db/access/users.ts'
import type { User } from '../../db/schema.ts'
import { logIn, newSession, userOf } from '../access/login.ts'
import { hashPassword, passwordFault } from '../access/passwords.ts'
import { secured } from '../access/permission-check.ts'
import { ROLE_PERMISSIONS } from '../access/permissions.ts'
import type { AppEnv, Principal } from '../access/principal.ts'
import { clearSessionCookie, secretHash, writeSessionCookie } from '../access/session-cookie.ts'
import type { AppDeps } from '../context.ts'
import type { ConnectionReader } from '../http/client-connection.ts'
import { invalidField, notFound, Problem } from '../http/problem.ts'
import { loginSchema, passwordChangeSchema, sessionSchema } from '../schemas/access.ts'
import { created, json, jsonBody, problems } from '../schemas/shared.ts'
import { audited } from './audited.ts'

const tags = ['Access']

const logInRoute = createRoute({
  method: 'post',
  path: '/api/session',
  operationId: 'logIn',
  summary: 'Log in',
  description: 'Sets the session cookie. Too many attempts for a user name or from an address are a 429.',
  tags,
  security: [],
  request: { body: jsonBody(loginSchema, 'Who logs in') },
  responses: { 201: created(sessionSchema, 'Logged in'), ...problems(400, 413, 415, 422, 429) },
})

const read = createRoute({
  method: 'get',
  path: '/api/session',
  operationId: 'getSession',
  summary: 'Who is logged in',
  tags,
  security: secured,
  responses: { 200: json(sessionSchema, 'The session'), ...problems(404) },
})

const logOut = createRoute({
  method: 'delete',
  path: '/api/session',
  operationId: 'logOut',
  summary: 'Log out',
  tags,
  security: secured,
  responses: { 204: { description: 'Logged out' }, ...problems(404) },
})

const changePassword = createRoute({
  method: 'put',
  path: '/api/session/password',
  operationId: 'changePassword',
  summary: "Change one's own password",
  description: 'All other sessions of the user end; this one goes on with a new cookie.',
  tags,
  security: secured,
  request: { body: jsonBody(passwordChangeSchema, 'The old and the new password') },
  responses: { 200: json(sessionSchema, 'Changed'), ...problems(400, 404, 413, 415, 422, 429) },
})

export function sessionRoutes(deps: AppDeps, connectionOf: ConnectionReader) {
  const { db } = deps
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(logInRoute, async (c) => {
    const { address, isSecure } = connectionOf(c)
    const { user, secret } = await logIn(deps, c.req.valid('json'), address)
    writeSessionCookie(c, secret, isSecure)
    return c.json(await resource(deps, user, secret), 201, { location: '/api/session' })
  })

  app.openapi(read, (c) => {
    const { user } = ownSession(c.get('principal'))
    return c.json(sessionResource(user, user.session_id, user.session_expires_at), 200)
  })

  app.openapi(logOut, async (c) => {
    const principal = c.get('principal')
    const { token_hash } = ownSession(principal)
    await audited(db, principal, async (trx, note) => {
      if (await deleteUserSession(trx, token_hash)) await note({ event: 'logged_out' })
    })
    clearSessionCookie(c, connectionOf(c).isSecure)
    return c.body(null, 204)
  })

  app.openapi(changePassword, async (c) => {
    const principal = c.get('principal')
    const { user } = ownSession(principal)
    const { current_password, new_password } = c.req.valid('json')
    const known = await userOf(
      deps,
      { username: user.username, password: current_password },
      connectionOf(c).address,
    )
    if (known === null) throw invalidField('current_password', 'is not the password of this user')
    const fault =
      new_password === current_password
        ? 'must differ from the old one'
        : passwordFault(new_password, user.username)
    if (fault !== null) throw invalidField('new_password', fault)
    const hash = await hashPassword(new_password)
    const { secret, expires_at } = await newSession(db)
    await audited(db, principal, async (trx, note) => {
      await setPassword(trx, user.id, hash)
      await createUserSession(trx, { token_hash: secretHash(secret), user_id: user.id, expires_at })
      await note({ event: 'password_changed' })
    })
    writeSessionCookie(c, secret, connectionOf(c).isSecure)
    return c.json(await resource(deps, user, secret), 200)
  })

  return app
}

function ownSession(principal: Principal) {
  if (principal.session === null) throw notFound('session: a token has none')
  return principal.session
}

async function resource({ db }: AppDeps, user: User, secret: string) {
  const found = await findSessionUser(db, secretHash(secret))
  if (found === null) throw new Problem(503, 'The session is gone already: log in again.')
  return sessionResource({ ...user, ...found }, found.session_id, found.session_expires_at)
}

function sessionResource(user: User, id: string, expires_at: string): z.input<typeof sessionSchema> {
  const { username, role, must_change_password } = user
  return { id, username, role, permissions: ROLE_PERMISSIONS[role], must_change_password, expires_at }
}
