// Who sends a request, and what every handler finds in its context.

import type { IncomingMessage } from 'node:http'
import type { SessionUser } from '../../db/access/user-sessions.ts'
import type { Permission } from './permissions.ts'

/** Whoever sends a request. */
export type Principal = {
  /** As the audit trail names it: 'user:admin', 'token', 'token:nightly'. */
  readonly actor: string
  /** The person behind it, as an actor: the one of the session, or the one who made the token; null behind a program. */
  readonly person: string | null
  readonly permissions: ReadonlySet<Permission>
  /** True until the first password was changed: nothing else is allowed then. */
  readonly mustChangePassword: boolean
  /** Of a person who has logged in; null for a token. */
  readonly session: { readonly token_hash: string; readonly user: SessionUser } | null
}

export type AppEnv = {
  /** Of Node's server; missing where the app is called without one. */
  Bindings: { incoming?: IncomingMessage }
  Variables: {
    /** Set by the authentication; reading it on a public route is a fault. */
    principal: Principal
    requestId: string
  }
}
