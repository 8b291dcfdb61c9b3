// What the worker's bundle registers: the workflow types of the contract and the one that keeps archives.

export { bindingSyncWorkflow } from './binding-sync.ts'
export { cloudSyncWorkflow } from './cloud-sync.ts'
export { keepArchiveWorkflow } from './keep-archive.ts'
