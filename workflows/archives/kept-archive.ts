// The archive of a run while its workflow is open: pinned before the uploads, released after them, or left to the workflow that
// keeps it for a re-upload (docs/design.md, rule 6).

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import { ParentClosePolicy, proxyActivities, startChild } from '@temporalio/workflow'
import type { Activities } from '../../activities/index.ts'
import { archiveOptions, releaseOptions } from '../activity-options.ts'
import { keepArchiveWorkflow } from '../keep-archive.ts'
import type { OpenRun } from '../runs/open-run.ts'
import { backupRunIdKey, odooInstanceKey } from '../search-attributes.ts'
import { summaryText } from '../web-ui-text.ts'
import { pinWorkflowId } from '../workflow-ids.ts'
import { KEEP_ARCHIVE_MS } from './keep-time.ts'

/** Where the worker that recorded the run does not see the archive. */
export async function pinOnItsHost({ runId, queues, isHostQueue }: OpenRun): Promise<void> {
  const { pinArchive } = proxyActivities<Activities>(archiveOptions(queues.archive, isHostQueue))
  await pinArchive({ run_id: runId })
}

/** Releases the archive unless a re-upload may need it; what cannot be released in time is kept by its own workflow. */
export async function releaseOrKeep(run: OpenRun, isNeeded: boolean): Promise<void> {
  const isReleased = !isNeeded && (await release(run))
  if (!isReleased) await keep(run)
}

async function release({ runId, queues }: OpenRun): Promise<boolean> {
  const { releaseArchive } = proxyActivities<Activities>(releaseOptions(queues.archive))
  try {
    await releaseArchive({ run_id: runId })
    return true
  } catch {
    // The host may be away; the archive's own workflow waits for it without holding this run open.
    return false
  }
}

async function keep({ runId, input, queues }: OpenRun): Promise<void> {
  try {
    await startChild(keepArchiveWorkflow, {
      workflowId: pinWorkflowId(input.instance, runId),
      args: [{ run_id: runId, archive_queue: queues.archive, keep_for: KEEP_ARCHIVE_MS }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      typedSearchAttributes: [
        { key: odooInstanceKey, value: input.instance },
        { key: backupRunIdKey, value: runId },
      ],
      staticSummary: summaryText(`Keeps the archive of ${input.instance} for a re-upload`),
    })
  } catch (failure) {
    // An earlier sync of this run keeps it already.
    if (!(failure instanceof WorkflowExecutionAlreadyStartedError)) throw failure
  }
}
