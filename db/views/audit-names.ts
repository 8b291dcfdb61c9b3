// The names of accounts and instances in the audit trail, whose entries have only IDs.

import { sql } from 'kysely'
import type { DbOrTransaction } from '../database.ts'
import type { AuditEntry } from '../schema.ts'

/**
 * The entries with the name of the account, and of the instance where it is another than its slug, in front of their
 * details. What the details say themselves stays: it was so at that time.
 */
export async function withNames(
  db: DbOrTransaction,
  entries: readonly AuditEntry[],
): Promise<readonly AuditEntry[]> {
  const [accounts, instances] = await Promise.all([
    accountNames(db, present(entries.map(({ account_id }) => account_id))),
    instanceNames(db, present(entries.map(({ instance_slug }) => instance_slug))),
  ])
  return entries.map((entry) => {
    const { account_id, instance_slug } = entry
    const account = account_id === null ? undefined : accounts.get(account_id)
    const instance = instance_slug === null ? undefined : instances.get(instance_slug)
    const names = {
      ...(account === undefined ? {} : { account }),
      ...(instance === undefined || instance === instance_slug ? {} : { instance }),
    }
    return { ...entry, details: { ...names, ...entry.details } }
  })
}

function present(values: readonly (string | null)[]): readonly string[] {
  return [...new Set(values.filter((value) => value !== null))]
}

/** Of an account that was deleted, the name that it had then. */
async function accountNames(
  db: DbOrTransaction,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<{ id: string; name: string }>`
    select id, name from cloud_accounts where id in (${sql.join(ids)})
    union all
    select account_id, details ->> 'name' from audit_log
    where event = 'account_deleted' and account_id in (${sql.join(ids)}) and details ->> 'name' is not null`.execute(
    db,
  )
  return new Map(rows.map(({ id, name }) => [id, name]))
}

async function instanceNames(
  db: DbOrTransaction,
  slugs: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (slugs.length === 0) return new Map()
  const rows = await db.selectFrom('instances').select(['slug', 'name']).where('slug', 'in', slugs).execute()
  return new Map(rows.map(({ slug, name }) => [slug, name]))
}
