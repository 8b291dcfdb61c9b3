// A destination while its workflow is open: its state, and who gets to know each change of it: the query, the search attribute,
// the Web UI, the parent, and the database once it is settled.

import { proxyActivities, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow'
import type { Activities } from '../../activities/index.ts'
import { recordOptions } from '../activity-options.ts'
import { cloudSyncStatusQuery, destinationChangedSignal } from '../messages.ts'
import { cloudSyncStatusKey } from '../search-attributes.ts'
import type { CloudSyncStatus, DestinationState } from '../types.ts'
import { type Destination, describeDestination, pendingState } from './destination.ts'
import { createParentNews, type ParentNews, type Told, tellParent } from './parent-news.ts'

const { saveDestination } = proxyActivities<Activities>(recordOptions)

export interface OpenDestination {
  state(): DestinationState
  /** Null for workflows that began in an earlier version: they pass each signal on. */
  readonly news: ParentNews | null
  change(patch: Partial<DestinationState>): void
  /** A change that is written to the database as well. */
  settle(patch: Partial<DestinationState>): Promise<void>
}

/** Answers the query and takes the signals from here on. `before`: where the workflow stood when it continued as new. */
export function openDestination(
  { run_id, destination }: { readonly run_id: string; readonly destination: Destination },
  before: { readonly state: DestinationState | null; readonly told: Told } | undefined,
): OpenDestination {
  const { account_id } = destination
  let state = before?.state ?? pendingState(destination)
  const change = (patch: Partial<DestinationState>) => {
    if (patch.status !== undefined && patch.status !== state.status) {
      upsertSearchAttributes([{ key: cloudSyncStatusKey, value: patch.status }])
    }
    state = { ...state, ...patch }
    setCurrentDetails(describeDestination(state))
  }
  const news = before === undefined ? null : createParentNews(account_id, before.told, () => state)
  setHandler(cloudSyncStatusQuery, (): CloudSyncStatus => ({ [account_id]: state }))
  setHandler(destinationChangedSignal, (signalled) => {
    // A late signal of an attempt must not undo what is settled.
    if (state.finished_at !== null) return
    change(signalled.state)
    if (news === null) return tellParent(account_id, signalled.state)
    news.changed()
  })
  if (before?.state != null) setCurrentDetails(describeDestination(state))
  return {
    state: () => state,
    news,
    change,
    settle: async (patch) => {
      change(patch)
      await saveDestination({ run_id, account_id, state: patch })
    },
  }
}
