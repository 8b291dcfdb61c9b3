// Passes the database's changes on to all watchers, with one reader for all of them. A changed run is read at most once per
// second. A slow watcher misses states in between but never the last one, and needs no memory beyond that one.

import type { Db } from '../../db/database.ts'
import { listenForChanges, type SetupChange } from '../../db/notifications.ts'
import type { Logger } from '../../db/process/log.ts'
import { getRunsById } from '../../db/runs/runs.ts'
import type { Run } from '../../db/schema.ts'

type FeedEvent =
  | { readonly type: 'run'; readonly run: Run }
  | { readonly type: 'setup'; readonly change: SetupChange }
  /** Announcements may have been missed: watchers read again what they show. */
  | { readonly type: 'resync' }
  | { readonly type: 'end' }

type Watcher = (event: FeedEvent) => void

export interface ChangeFeed {
  /** All changes, or with `runId` those of one run, whose state is sent at once. Returns the function that ends it. */
  watch(watcher: Watcher, runId?: string): () => void
  readonly watcherCount: number
  /** Ends every watch. */
  stop(): Promise<void>
}

const READ_EVERY_MS = 1_000

type Watching = { readonly watcher: Watcher; readonly runId: string | undefined }

/** Listens to the database until it is stopped. */
export function createChangeFeed({ db, log }: { readonly db: Db; readonly log: Logger }): ChangeFeed {
  const watching = new Set<Watching>()
  const changed = new Set<string>()
  let timer: NodeJS.Timeout | null = null
  let readAt = 0
  let isStopped = false

  function tell(event: FeedEvent, runId?: string): void {
    for (const each of watching) {
      if (runId === undefined || each.runId === undefined || each.runId === runId) each.watcher(event)
    }
  }

  function isWatched(runId: string): boolean {
    for (const each of watching) if (each.runId === undefined || each.runId === runId) return true
    return false
  }

  function noteRun(runId: string): void {
    if (!isWatched(runId)) return
    changed.add(runId)
    readSoon()
  }

  /** Announcements may have been missed while there was no connection. */
  function resync(): void {
    for (const { runId } of watching) if (runId !== undefined) changed.add(runId)
    tell({ type: 'resync' })
    readSoon()
  }

  function readSoon(): void {
    if (timer !== null || isStopped) return
    timer = setTimeout(read, Math.max(0, readAt + READ_EVERY_MS - Date.now()))
  }

  function read(): void {
    timer = null
    readAt = Date.now()
    const ids = [...changed].filter(isWatched)
    changed.clear()
    if (ids.length === 0) return
    getRunsById(db, ids)
      .then((runs) => {
        for (const run of runs) tell({ type: 'run', run }, run.id)
      })
      .catch((err: unknown) => {
        log.warn({ err }, 'changed runs could not be read')
        for (const id of ids) changed.add(id)
        readSoon()
      })
  }

  const listener = listenForChanges(
    db,
    { onRun: noteRun, onSetup: (change) => tell({ type: 'setup', change }), onListening: resync },
    log,
  )

  return {
    watch(watcher, runId) {
      const entry = { watcher, runId }
      watching.add(entry)
      // The run may have changed between the caller's read and this watch.
      if (runId !== undefined) noteRun(runId)
      return () => void watching.delete(entry)
    },
    get watcherCount() {
      return watching.size
    },
    async stop() {
      isStopped = true
      if (timer !== null) clearTimeout(timer)
      tell({ type: 'end' })
      watching.clear()
      await listener.stop()
    },
  }
}
