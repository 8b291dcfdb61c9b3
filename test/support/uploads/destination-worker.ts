// One destination without disk, database or cloud: bindingSyncWorkflow on a real Temporal server, its activities played by a
// test. What a test does not play succeeds at once.

import { randomUUID } from 'node:crypto'
import type { WorkflowHandle } from '@temporalio/client'
import { Worker } from '@temporalio/worker'
import type { Activities } from '../../../activities/index.ts'
import type { UploadedCopy } from '../../../activities/uploads/uploaded-copy.ts'
import type { BindingSyncInput, bindingSyncWorkflow } from '../../../workflows/binding-sync.ts'
import type { cloudSyncWorkflow } from '../../../workflows/cloud-sync.ts'
import { pendingState } from '../../../workflows/runs/destination.ts'
import type { DestinationState } from '../../../workflows/types.ts'
import { archiveQueues } from '../../../workflows/workflow-ids.ts'
import type { TestTemporal } from '../temporal.ts'
import { testBundle } from '../workflow-bundle.ts'

export const COPY: UploadedCopy = {
  remote_id: 'id-1',
  remote_path: '/odoo-backups/acme/x.dump',
  size: 1000,
  hash: { algorithm: 'md5', value: '0'.repeat(32) },
  already_present: false,
  uploaded_at: '2026-11-23T01:00:00.000Z',
  attempt: 1,
  started_at: '2026-11-23T00:00:00.000Z',
}

export type DestinationWorker = {
  readonly taskQueue: string
  start(input?: Partial<BindingSyncInput>): Promise<WorkflowHandle<typeof bindingSyncWorkflow>>
  input(change?: Partial<BindingSyncInput>): BindingSyncInput
  /** A whole run with this one destination. */
  startRun(): Promise<RunHandle>
  stop(): Promise<void>
}

export type RunHandle = {
  readonly run: WorkflowHandle<typeof cloudSyncWorkflow>
  readonly childId: string
}

export async function startDestinationWorker(
  temporal: TestTemporal,
  played: Partial<Activities>,
): Promise<DestinationWorker> {
  const taskQueue = temporal.taskQueue()
  let settled: Partial<DestinationState> = {}
  const others: Partial<Activities> = {
    awaitTurn: async () => undefined,
    saveDestination: async ({ state }) => {
      settled = { ...settled, ...state }
    },
    recordRun: async () => {
      const { destination } = input()
      return {
        destinations: [destination],
        status: { a1: pendingState(destination) },
        pin: 'linked' as const,
      }
    },
    pinArchive: async () => ({ size: 1000, pin: 'linked' as const }),
    releaseArchive: async () => ({ is_released: true }),
    abortUpload: async () => ({ left: 'nothing' as const }),
    finishRun: async () => ({
      status: 'uploaded' as const,
      destinations: { a1: { ...pendingState(input().destination), ...settled } },
      pin: 'linked' as const,
      keep_archive: false,
    }),
    uploadArchive: async () => COPY,
    verifyUpload: async ({ copy }) => {
      settled = { ...settled, status: 'uploaded' }
      return {
        remote_id: copy.remote_id,
        remote_path: copy.remote_path,
        size: copy.size,
        hash: copy.hash,
        bytes_sent: copy.size,
        attempt: copy.attempt,
        started_at: copy.started_at,
        finished_at: new Date().toISOString(),
      }
    },
  }
  const shared = {
    connection: temporal.nativeConnection,
    namespace: temporal.namespace,
    activities: { ...others, ...played },
    maxHeartbeatThrottleInterval: '100ms',
    defaultHeartbeatThrottleInterval: '100ms',
  } as const
  const queues = archiveQueues(taskQueue, null)
  const workers = [
    await Worker.create({ ...shared, taskQueue, workflowBundle: await testBundle() }),
    await Worker.create({ ...shared, taskQueue: queues.archive }),
    await Worker.create({ ...shared, taskQueue: queues.uploads }),
  ]
  const running = Promise.all(workers.map((worker) => worker.run()))
  const input = (change: Partial<BindingSyncInput> = {}): BindingSyncInput => ({
    run_id: 'r1',
    instance: 'acme',
    upload_queue: taskQueue,
    destination: {
      account_id: 'a1',
      binding_id: 'b1',
      account: 'Drive EU',
      provider: 'google_drive',
      folder: '/odoo-backups/acme',
      keep_last: null,
      retention_scope: 'folder',
    },
    ...change,
  })
  return {
    taskQueue,
    input,
    start: (change) =>
      temporal.client.workflow.start<typeof bindingSyncWorkflow>('bindingSyncWorkflow', {
        taskQueue,
        workflowId: `destination-${randomUUID()}`,
        args: [input(change)],
      }),
    startRun: async () => {
      const workflowId = `cloud-sync/acme/${randomUUID()}`
      const run = await temporal.client.workflow.start<typeof cloudSyncWorkflow>('cloudSyncWorkflow', {
        taskQueue,
        workflowId,
        args: [{ instance: 'acme', archive: 'x.dump' }],
      })
      return { run, childId: `${workflowId}/a1` }
    },
    stop: async () => {
      for (const worker of workers) worker.shutdown()
      await running
    },
  }
}
