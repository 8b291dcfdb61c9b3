// Waits until the archive of a run is pinned, so that the caller may delete its own file.

import type { Db } from '../../db/database.ts'
import { getRun } from '../../db/runs/runs.ts'
import type { Run } from '../../db/schema.ts'
import type { ChangeFeed } from './change-feed.ts'

export const LONGEST_PIN_WAIT_S = 30

/**
 * The run as soon as its archive is pinned or its sync has ended, or as it is after `seconds`. It learns of changes from the
 * change feed, at most once per second.
 */
export async function waitForPin(
  { db, feed }: { readonly db: Db; readonly feed: Pick<ChangeFeed, 'watch'> },
  run: Run,
  { seconds, signal }: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<Run> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1_000)])
  if (isAnswered(run) || deadline.aborted) return run
  await new Promise<void>((resolve) => {
    const end = feed.watch((event) => {
      if (event.type === 'end' || (event.type === 'run' && isAnswered(event.run))) stop()
    }, run.id)
    function stop() {
      end()
      deadline.removeEventListener('abort', stop)
      resolve()
    }
    deadline.addEventListener('abort', stop)
  })
  return (await getRun(db, run.id)) ?? run
}

function isAnswered({ pin, cloud_status }: Run): boolean {
  return pin !== null || cloud_status !== 'pending'
}
