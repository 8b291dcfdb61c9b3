// Makes a change and writes its audit entries in one transaction, so that neither exists without the other.

import type { Transaction } from 'kysely'
import { appendAudit } from '../../db/audit.ts'
import type { Db } from '../../db/database.ts'
import type { Database } from '../../db/schema.ts'
import type { Principal } from '../access/principal.ts'

type Entry = Omit<Parameters<typeof appendAudit>[1], 'actor'>
type Note = (entry: Entry) => Promise<unknown>

/** When `change` throws, nothing is changed and nothing is noted. */
export function audited<T>(
  db: Db,
  { actor }: Pick<Principal, 'actor'>,
  change: (trx: Transaction<Database>, note: Note) => Promise<T>,
): Promise<T> {
  return db.transaction().execute((trx) => change(trx, (entry) => appendAudit(trx, { actor, ...entry })))
}
