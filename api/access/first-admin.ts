// The first start creates the user `admin`. A generated password is shown once, on the terminal and not in the log. Any
// first password must be changed at the first login.

import { anyUser, createFirstUser } from '../../db/access/users.ts'
import { appendAudit } from '../../db/audit.ts'
import type { Db } from '../../db/database.ts'
import { hashPassword, makePassword } from './passwords.ts'

const USERNAME = 'admin'

/** Does nothing when there are users. When processes start together, one of them creates the user. */
export async function ensureFirstAdmin(
  db: Db,
  adminPassword: string | null,
  show: (text: string) => void,
): Promise<void> {
  if (await anyUser(db)) return
  const password = adminPassword ?? makePassword()
  const password_hash = await hashPassword(password)
  const made = await db.transaction().execute(async (trx) => {
    const user = await createFirstUser(trx, { username: USERNAME, password_hash })
    if (user !== null) {
      const details = { username: USERNAME, role: user.role }
      await appendAudit(trx, { actor: 'system', event: 'user_created', details })
    }
    return user !== null
  })
  if (made && adminPassword === null) {
    show(
      `First login     user ${USERNAME}, password ${password} (shown this once; to be changed at the first login)\n`,
    )
  }
}
