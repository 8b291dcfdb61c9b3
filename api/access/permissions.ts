// Who may do what: permissions, the roles of people, and the check that stands in front of every operation.

import type { MiddlewareHandler } from 'hono'
import type { MadeApiToken } from '../../db/access/api-tokens.ts'
import type { SessionUser } from '../../db/access/user-sessions.ts'
import type { UserRole } from '../../db/schema.ts'
import type { AppEnv } from '../context.ts'
import { Problem } from '../http/problem.ts'

export const PERMISSIONS = [
  /** See instances, accounts (never credentials), bindings, runs and the audit trail. */
  'read',
  /** Start, re-upload and cancel runs. */
  'runs:write',
  /** Change instances and bindings. */
  'config:write',
  /** Change accounts and their credentials. */
  'accounts:write',
  /** Change users and API tokens. */
  'users:write',
] as const
export type Permission = (typeof PERMISSIONS)[number]

export function isPermission(text: string): text is Permission {
  return PERMISSIONS.some((permission) => permission === text)
}

export const ROLE_PERMISSIONS: Readonly<Record<UserRole, readonly Permission[]>> = {
  admin: PERMISSIONS,
  operator: ['read', 'runs:write'],
  viewer: ['read'],
}

/** What a token is good for now: no more than the person who made it, and nothing when that person is gone. */
export function permissionsOfToken({ scopes, maker }: MadeApiToken): readonly Permission[] {
  const own = scopes.filter(isPermission)
  if (maker === 'program') return own
  return maker === 'deleted' ? [] : own.filter((scope) => ROLE_PERMISSIONS[maker].includes(scope))
}

/** Whoever sends a request. */
export type Principal = {
  /** As it stands in the audit trail: 'user:admin', 'token', 'token:nightly'. */
  readonly actor: string
  /** The person who stands behind it, as an actor: that of a session, or who made the token; null behind a program. */
  readonly person: string | null
  readonly permissions: ReadonlySet<Permission>
  /** True until the first password was changed: nothing else is allowed then. */
  readonly mustChangePassword: boolean
  /** Of a person who has logged in; null for a token. */
  readonly session: { readonly token_hash: string; readonly user: SessionUser } | null
}

/** Bearer token or session cookie. */
export const secured: Record<string, string[]>[] = [{ bearer: [] }, { session: [] }]

/** The part of a route that says who may call it: to the check, and to readers of the OpenAPI document. */
export function needs(permission: Permission) {
  return { security: secured, middleware: requires(permission), 'x-permission': permission }
}

/** Refuses with 403 whoever has not got every one of the permissions. */
export function requires(...permissions: readonly Permission[]): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const missing = firstMissing(c.get('principal'), permissions)
    if (missing !== null) throw new Problem(403, `This needs the permission "${missing}".`)
    await next()
  }
}

/** Nobody hands out more than he has: throws Problem 403 where one of the permissions is not the principal's own. */
export function refuseMoreThanOwn(principal: Principal, permissions: readonly Permission[]): void {
  const excess = firstMissing(principal, permissions)
  if (excess !== null) throw new Problem(403, `You have not got the permission "${excess}" yourself.`)
}

function firstMissing({ permissions: own }: Principal, wanted: readonly Permission[]): Permission | null {
  return wanted.find((permission) => !own.has(permission)) ?? null
}
