// Everybody who may come to the API and the pages: a person of each role, and tokens of each scope, alone and with reading.

import assert from 'node:assert/strict'
import { hashPassword } from '../../api/access/passwords.ts'
import { PERMISSIONS, type Permission, ROLE_PERMISSIONS } from '../../api/access/permissions.ts'
import { newSecret, secretHash } from '../../api/access/session-cookie.ts'
import { createApiToken } from '../../db/access/api-tokens.ts'
import { createUser } from '../../db/access/users.ts'
import { randomName } from '../support/rows.ts'
import type { ApiFixture } from './fixture.ts'

const PASSWORD = 'four seagulls above'
const ROLES = ['viewer', 'operator', 'admin'] as const

export type Caller = {
  readonly name: string
  readonly headers: Readonly<Record<string, string>>
  readonly permissions: readonly Permission[]
}

export async function byRole({ db, askAnonymously }: ApiFixture): Promise<readonly Caller[]> {
  return Promise.all(
    ROLES.map(async (role) => {
      const username = randomName(role)
      await createUser(db, { username, password_hash: await hashPassword(PASSWORD), role })
      const answer = await askAnonymously('POST', '/api/session', { username, password: PASSWORD })
      assert.equal(answer.status, 201, `the ${role} logs in`)
      const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
      return {
        name: role,
        headers: { cookie, 'sec-fetch-site': 'same-origin' },
        permissions: ROLE_PERMISSIONS[role],
      }
    }),
  )
}

/** Each permission alone, and each together with reading. */
export async function byScope({ db }: ApiFixture): Promise<readonly Caller[]> {
  const sets = PERMISSIONS.flatMap((scope): (readonly Permission[])[] =>
    scope === 'read' ? [['read']] : [[scope], ['read', scope]],
  )
  return Promise.all(
    sets.map(async (scopes) => {
      const token = newSecret()
      const values = { name: randomName('token'), scopes, expires_at: null, created_by: 'token' }
      await createApiToken(db, { ...values, token_hash: secretHash(token) })
      return {
        name: `scopes ${scopes.join(' ')}`,
        headers: { authorization: `Bearer ${token}` },
        permissions: scopes,
      }
    }),
  )
}
