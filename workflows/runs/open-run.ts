// A run while its workflow is open: what was asked for, and where its destinations stand. The query answers with this status.

import { setCurrentDetails } from '@temporalio/workflow'
import type { CloudSyncInput, CloudSyncStatus, DestinationState } from '../types.ts'
import type { ArchiveQueues } from '../workflow-ids.ts'
import { describeDestinations } from './destination.ts'

export type OpenRun = {
  readonly runId: string
  readonly input: CloudSyncInput
  readonly queues: ArchiveQueues
  readonly isHostQueue: boolean
  status: CloudSyncStatus
}

export function setStatus(run: OpenRun, status: CloudSyncStatus): void {
  run.status = status
  setCurrentDetails(describeDestinations(status))
}

/** Does nothing for an account that is not among the run's destinations. */
export function changeDestination(run: OpenRun, accountId: string, state: Partial<DestinationState>): void {
  const known = run.status[accountId]
  if (known === undefined) return
  setStatus(run, { ...run.status, [accountId]: { ...known, ...state } })
}
