// The workflow of a run: started, cancelled, and asked how it is. Arguments carry IDs and paths, never a secret.

import {
  isGrpcDeadlineError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
} from '@temporalio/client'
import { CLOUD_SYNC_WORKFLOW } from '../../workflows/messages.ts'
import { backupRunIdKey, cloudSyncStatusKey, odooInstanceKey } from '../../workflows/search-attributes.ts'
import type { CloudSyncInput } from '../../workflows/types.ts'
import { detailsText, summaryText } from '../../workflows/web-ui-text.ts'
import { runWorkflowId } from '../../workflows/workflow-ids.ts'
import type { TemporalConnection } from './connection.ts'
import { type ClosingFailure, closingFailure, isServiceFault, unavailable } from './failures.ts'

export type SyncStart = CloudSyncInput & { readonly run_id: string }

type SyncState =
  | { readonly is: 'open' }
  /** `failure` null: it completed. */
  | { readonly is: 'closed'; readonly failure: ClosingFailure | null }
  /** Never started, or forgotten with retention or with the server's data. */
  | { readonly is: 'unknown' }

export interface RunWorkflows {
  /** Starts `cloudSyncWorkflow`; `already_open` when an execution of this run is open. */
  startSync(input: SyncStart): Promise<'started' | 'already_open'>
  /** False when there is no open execution. Returns when the request is stored, not when the sync has ended. */
  cancelSync(workflowId: string): Promise<boolean>
  /** With `closingWithinMs`, an execution that is about to close is waited for. */
  syncState(workflowId: string, options?: { readonly closingWithinMs?: number }): Promise<SyncState>
}

/** A start holds a row of the database. One that comes too late stays requested and is made again. */
const START_DEADLINE_MS = 3_000

/** Calls throw TemporalUnavailable. */
export function createRunWorkflows(connection: TemporalConnection): RunWorkflows {
  const { client, taskQueue, deadlineMs, within } = connection
  return {
    async startSync(input) {
      const start = syncStart(input, taskQueue)
      try {
        await within(Math.min(deadlineMs, START_DEADLINE_MS), () =>
          client.workflow.start(CLOUD_SYNC_WORKFLOW, start),
        )
        return 'started'
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return 'already_open'
        throw error
      }
    },

    async cancelSync(workflowId) {
      const handle = client.workflow.getHandle(workflowId)
      try {
        // Asked first: the server also accepts the request for a closed execution, and does nothing.
        const { status } = await within(deadlineMs, () => handle.describe())
        if (!isOpen(status)) return false
        await within(deadlineMs, () => handle.cancel())
        return true
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false
        throw error
      }
    },

    async syncState(workflowId, { closingWithinMs = 0 } = {}) {
      const handle = client.workflow.getHandle(workflowId)
      try {
        const { status } = await within(deadlineMs, () => handle.describe())
        if (isOpen(status) && closingWithinMs === 0) return { is: 'open' }
        const deadline = Date.now() + (isOpen(status) ? closingWithinMs : deadlineMs)
        await client.withDeadline(deadline, () => handle.result())
        return { is: 'closed', failure: null }
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { is: 'unknown' }
        if (error instanceof WorkflowFailedError)
          return { is: 'closed', failure: closingFailure(error.cause) }
        if (closingWithinMs > 0 && isGrpcDeadlineError(error)) return { is: 'open' }
        throw isServiceFault(error) ? unavailable(error) : error
      }
    },
  }
}

/** One open execution of the run at a time, whatever has ended before. */
function syncStart(input: SyncStart, taskQueue: string): WorkflowStartOptions {
  return {
    taskQueue,
    workflowId: runWorkflowId(input.instance, input.run_id),
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    args: [input],
    typedSearchAttributes: [
      { key: odooInstanceKey, value: input.instance },
      { key: backupRunIdKey, value: input.run_id },
      { key: cloudSyncStatusKey, value: 'pending' },
    ],
    staticSummary: summaryText(`${input.instance}: ${input.archive}`),
    staticDetails: detailsText(startDetails(input)),
    priority: { fairnessKey: input.instance },
  }
}

function startDetails(input: SyncStart): string {
  const database = input.database ? ` of database \`${input.database}\`` : ''
  return `Uploads \`${input.archive}\`${database} to the destinations of instance \`${input.instance}\`.`
}

function isOpen({ name }: { readonly name: string }): boolean {
  return name === 'RUNNING' || name === 'PAUSED'
}
