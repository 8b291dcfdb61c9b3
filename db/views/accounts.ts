// The last check of each account, and accounts as the list shows them: with that check and with what is bound to them.

import { sql } from 'kysely'
import { type Account, listAccounts } from '../accounts/accounts.ts'
import type { DbOrTransaction } from '../database.ts'
import type { Page } from '../page.ts'
import type { AccountCheckOutcome } from '../schema.ts'
import type { Vault } from '../secrets/vault.ts'

/** Does nothing when the account was deleted in the meantime. */
export async function saveAccountCheck(
  db: DbOrTransaction,
  accountId: string,
  outcome: AccountCheckOutcome,
): Promise<void> {
  await sql`insert into account_checks (account_id, outcome)
    select id, ${JSON.stringify(outcome)}::jsonb from cloud_accounts where id = ${accountId}
    on conflict (account_id) do update set outcome = excluded.outcome, checked_at = now()`.execute(db)
}

export type AccountView = Account & {
  readonly check: { readonly checked_at: string; readonly outcome: AccountCheckOutcome } | null
  readonly paused_until: string | null
  readonly paused_reason: string | null
  readonly binding_count: number
}

type Extra = {
  readonly id: string
  readonly paused_until: string | null
  readonly paused_reason: string | null
  readonly checked_at: string | null
  readonly outcome: AccountCheckOutcome | null
  readonly binding_count: number
}

/** By name. */
export async function listAccountViews(
  db: DbOrTransaction,
  vault: Vault,
  options: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<AccountView>> {
  const page = await listAccounts(db, vault, options)
  return { items: await withExtras(db, page.items), next_cursor: page.next_cursor }
}

export async function viewAccount(db: DbOrTransaction, account: Account): Promise<AccountView | null> {
  const [view] = await withExtras(db, [account])
  return view ?? null
}

async function withExtras(db: DbOrTransaction, accounts: readonly Account[]): Promise<AccountView[]> {
  if (accounts.length === 0) return []
  const { rows } = await sql<Extra>`
    select a.id, a.paused_until, a.paused_reason, c.checked_at, c.outcome,
      (select count(*)::int from bindings b where b.account_id = a.id) as binding_count
    from cloud_accounts a left join account_checks c on c.account_id = a.id
    where a.id in (${sql.join(accounts.map(({ id }) => id))})`.execute(db)
  const extras = new Map(rows.map((row) => [row.id, row]))
  return accounts.flatMap((account) => {
    const extra = extras.get(account.id)
    if (extra === undefined) return []
    const { checked_at, outcome, paused_until, paused_reason, binding_count } = extra
    const check = checked_at === null || outcome === null ? null : { checked_at, outcome }
    return [{ ...account, check, paused_until, paused_reason, binding_count }]
  })
}
