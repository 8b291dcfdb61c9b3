// Sends the rows of Run History over one stream, which has the filters of its page. A changed run is sent as its row, or as a
// row that has left the list.

import type { Db } from '../../../db/database.ts'
import type { Logger } from '../../../db/process/log.ts'
import { listRuns, matchesRun, type RunFilter } from '../../../db/runs/history.ts'
import type { Run } from '../../../db/schema.ts'
import { listDeletedCopies } from '../../../db/uploads/deleted-copies.ts'
import type { Mailbox } from '../../http/event-stream.ts'
import { markupText } from '../../ui/markup.ts'
import { goneRow, ROW_EVENT, runRow } from './list.ts'

/** As many as the first page shows. */
const CAUGHT_UP = 50
/** A transaction that was open while the page was read has a time before the page's. */
const LONGEST_TRANSACTION_MS = 5_000
/** Rows that have left are remembered, so that each is sent once. Beyond this many, they may be sent again. */
const MOST_GONE = 1_000

interface LiveRows {
  send(run: Run): void
  /** Sends what has changed since the page was read. `since`: milliseconds since 1970. */
  catchUp(since: number): void
}

/** Rows go into the mailbox in the order of the calls. */
export function createLiveRows(
  { db, log }: { readonly db: Db; readonly log: Logger },
  mailbox: Mailbox,
  filter: RunFilter,
): LiveRows {
  const gone = new Set<string>()
  let before = Promise.resolve()

  async function put(run: Run): Promise<void> {
    if (matchesRun(run, filter)) {
      gone.delete(run.id)
      const hasCopy = Object.values(run.cloud_sync_status).some(({ status }) => status === 'uploaded')
      const copies = hasCopy ? await listDeletedCopies(db, [run.id]) : []
      return mailbox.put(run.id, { event: ROW_EVENT, markup: markupText(runRow(run, copies)) })
    }
    if (gone.has(run.id)) return
    if (gone.size >= MOST_GONE) gone.clear()
    gone.add(run.id)
    mailbox.put(run.id, { event: ROW_EVENT, markup: markupText(goneRow(run)) })
  }

  async function putChanged(since: number): Promise<void> {
    const { items } = await listRuns(db, { ...filter, limit: CAUGHT_UP })
    const changed = items.filter((run) => Date.parse(run.updated_at) >= since - LONGEST_TRANSACTION_MS)
    for (const run of changed) await put(run)
  }

  function later(work: () => Promise<void>): void {
    before = before
      .then(work)
      .catch((err: unknown) => log.warn({ err }, 'a row of the history could not be shown'))
  }

  return {
    send: (run) => later(() => put(run)),
    catchUp: (since) => later(() => putChanged(since)),
  }
}
