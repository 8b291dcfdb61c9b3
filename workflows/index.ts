// What the worker's bundle registers: the workflow types of the contract, the one that keeps archives, and the one that
// stands in for standalone activities on older clusters.

export { askWorkerWorkflow } from './ask-worker.ts'
export { bindingSyncWorkflow } from './binding-sync.ts'
export { cloudSyncWorkflow } from './cloud-sync.ts'
export { keepArchiveWorkflow } from './keep-archive.ts'
