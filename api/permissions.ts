// Who may do what: permissions, the roles of people, and the check that stands in front of every operation.

import type { MiddlewareHandler } from 'hono'
import type { UserRole } from '../db/schema.ts'
import type { SessionUser } from '../db/user-sessions.ts'
import type { AppEnv } from './app-context.ts'
import { Problem } from './problem.ts'

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

/** Whoever sends a request. */
export type Principal = {
  /** As it stands in the audit trail: 'user:admin', 'token', 'token:nightly'. */
  readonly actor: string
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

/** Refuses with 403 whoever has not got the permission. */
export function requires(permission: Permission): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (!c.get('principal').permissions.has(permission)) {
      throw new Problem(403, `This needs the permission "${permission}".`)
    }
    await next()
  }
}
