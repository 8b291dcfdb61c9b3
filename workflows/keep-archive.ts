// keepArchiveWorkflow: keeps the linked archive of a run that did not reach every destination, so that a re-upload finds
// it, and releases it when its time is over (docs/design.md, rule 6). It outlives the run's own workflow.

import type { Duration } from '@temporalio/common'
import { proxyActivities, sleep } from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import { keptArchiveOptions } from './activity-options.ts'

/** A worker that counts the time as over and does not release the archive must not be asked in a tight loop. */
const SHORTEST_PAUSE_MS = 1_000

type KeepArchiveInput = {
  readonly run_id: string
  readonly archive_queue: string
  readonly keep_for: Duration
}

export async function keepArchiveWorkflow(input: KeepArchiveInput): Promise<void> {
  const { releaseArchive } = proxyActivities<Activities>(keptArchiveOptions(input.archive_queue))
  let pause = input.keep_for
  for (;;) {
    await sleep(pause)
    // A sync of the run may be open again, or may have failed again since: then the time begins anew.
    const { is_released, kept_for_ms } = await releaseArchive({ run_id: input.run_id, only_when_due: true })
    if (is_released) return
    // Null while a sync is open, and left out by workers of earlier versions.
    pause = kept_for_ms == null ? input.keep_for : Math.max(SHORTEST_PAUSE_MS, kept_for_ms)
  }
}
