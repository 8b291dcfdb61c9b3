// The permissions, and which of them each role and each token has.

import type { MadeApiToken } from '../../db/access/api-tokens.ts'
import type { UserRole } from '../../db/schema.ts'

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

function isPermission(text: string): text is Permission {
  return PERMISSIONS.some((permission) => permission === text)
}

export const ROLE_PERMISSIONS: Readonly<Record<UserRole, readonly Permission[]>> = {
  admin: PERMISSIONS,
  operator: ['read', 'runs:write'],
  viewer: ['read'],
}

/** What a token may do now: no more than the person who made it, and nothing once that person is deleted. */
export function permissionsOfToken({ scopes, maker }: MadeApiToken): readonly Permission[] {
  const own = scopes.filter(isPermission)
  if (maker === 'program') return own
  return maker === 'deleted' ? [] : own.filter((scope) => ROLE_PERMISSIONS[maker].includes(scope))
}
