// The check in front of every operation: does the principal have the permissions that it needs?

import type { Context, MiddlewareHandler } from 'hono'
import { Problem } from '../http/problem.ts'
import type { Permission } from './permissions.ts'
import type { AppEnv, Principal } from './principal.ts'

/** Bearer token or session cookie. */
export const secured: Record<string, string[]>[] = [{ bearer: [] }, { session: [] }]

/** The part of a route that says who may call it, both for the check and for readers of the OpenAPI document. */
export function needs(permission: Permission) {
  return { security: secured, middleware: requires(permission), 'x-permission': permission }
}

/** Refuses with 403 whoever lacks one of the permissions. */
export function requires(...permissions: readonly Permission[]): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const missing = firstMissing(c.get('principal'), permissions)
    if (missing !== null) throw new Problem(403, `This needs the permission "${missing}".`)
    await next()
  }
}

/** Decides what a page offers. The operation behind it checks again. */
export function may(c: Context<AppEnv>, permission: Permission): boolean {
  return c.get('principal').permissions.has(permission)
}

/** Nobody may grant a permission that they do not have: throws Problem 403 then. */
export function refuseMoreThanOwn(principal: Principal, permissions: readonly Permission[]): void {
  const excess = firstMissing(principal, permissions)
  if (excess !== null) throw new Problem(403, `You have not got the permission "${excess}" yourself.`)
}

function firstMissing({ permissions: own }: Principal, wanted: readonly Permission[]): Permission | null {
  return wanted.find((permission) => !own.has(permission)) ?? null
}
