// The search attributes of the contract (docs/design.md, "Contract: Temporal"). A namespace must have them before a workflow
// sets one.

import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'

export const odooInstanceKey = defineSearchAttributeKey('OdooInstance', SearchAttributeType.KEYWORD)
export const backupRunIdKey = defineSearchAttributeKey('BackupRunId', SearchAttributeType.KEYWORD)
export const cloudAccountKey = defineSearchAttributeKey('CloudAccount', SearchAttributeType.KEYWORD)
export const cloudSyncStatusKey = defineSearchAttributeKey('CloudSyncStatus', SearchAttributeType.KEYWORD)

/** The names of all; each is a keyword. */
export const SEARCH_ATTRIBUTES: readonly string[] = [
  odooInstanceKey,
  backupRunIdKey,
  cloudAccountKey,
  cloudSyncStatusKey,
].map(({ name }) => name)
