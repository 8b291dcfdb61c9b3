// Reads what Run History shows: a page of runs by the filters of the address, and what the filters offer.

import { listAccounts } from '../../../db/accounts/accounts.ts'
import type { Db } from '../../../db/database.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { listInstances } from '../../../db/instances/instances.ts'
import type { Page } from '../../../db/page.ts'
import { listNewerRuns, listRuns } from '../../../db/runs/history.ts'
import type { Run } from '../../../db/schema.ts'
import type { Vault } from '../../../db/secrets/vault.ts'
import { listDeletedCopies } from '../../../db/uploads/deleted-copies.ts'
import type { RunListView } from './list.ts'
import { type HistoryQuery, historyQuery } from './query.ts'

const PAGE_SIZE = 50
const MOST_ACCOUNTS = 200
/** Suggestions while typing; any other instance can be typed. */
const MOST_INSTANCES = 100

/** With `isPart` only the table is shown, and what the filters offer is not read. */
export async function readHistory(
  { db, vault }: { readonly db: Db; readonly vault: Vault },
  query: URLSearchParams,
  { isPart }: { readonly isPart: boolean },
): Promise<RunListView> {
  // Read before the rows, so that the stream also sends what changes in between.
  const readAt = new Date(await databaseNow(db)).toISOString()
  const [{ page, isFirst }, accounts, instances] = await Promise.all([
    historyPage(db, historyQuery(query)),
    isPart ? null : listAccounts(db, vault, { limit: MOST_ACCOUNTS }),
    isPart ? null : listInstances(db, { limit: MOST_INSTANCES }),
  ])
  const ids = page.items.map(({ id }) => id)
  return {
    page,
    isFirst,
    query,
    readAt,
    copies: await listDeletedCopies(db, ids),
    accounts: accounts?.items ?? [],
    instances: instances?.items.map(({ slug }) => slug) ?? [],
  }
}

type HistoryPage = { readonly page: Page<Run>; readonly isFirst: boolean }

async function historyPage(db: Db, { filter, cursor, newer }: HistoryQuery): Promise<HistoryPage> {
  if (newer !== undefined) {
    const page = await listNewerRuns(db, { ...filter, limit: PAGE_SIZE, cursor: newer })
    if (page !== null) return { page, isFirst: false }
  }
  const page = await listRuns(db, { ...filter, limit: PAGE_SIZE, cursor })
  return { page, isFirst: cursor === undefined }
}
