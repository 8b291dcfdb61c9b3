// Queries, signals and workflow types: the names that outside clients see (docs/design.md, "Contract: Temporal").

import { defineQuery, defineSignal } from '@temporalio/workflow'
import type { CloudSyncStatus, DestinationState } from './types.ts'

/** On both workflow types: the state of their destinations, keyed by account ID. */
export const cloudSyncStatusQuery = defineQuery<CloudSyncStatus>('cloud_sync_status')

/** What changed at one destination; sent by the upload activity and from child to parent, for queries to answer. */
type DestinationChange = { readonly account_id: string; readonly state: Partial<DestinationState> }
export const destinationChangedSignal = defineSignal<[DestinationChange]>('destination_changed')

export const CLOUD_SYNC_WORKFLOW = 'cloudSyncWorkflow'
export const ASK_WORKER_WORKFLOW = 'askWorkerWorkflow'
