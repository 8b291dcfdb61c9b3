// Histories have a limit: an upload that fails for months adds little to the history of its own workflow, which continues as new
// between attempts, and less to that of its run, which cannot.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import type { Activities } from '../../../activities/index.ts'
import { pauseAfterChange } from '../../../workflows/runs/parent-news.ts'
import type { CloudSyncStatus, DestinationState } from '../../../workflows/types.ts'
import { createTestTemporal, type TestTemporal } from '../../support/temporal.ts'
import { until } from '../../support/until.ts'
import { COPY, startDestinationWorker } from '../../support/uploads/destination-worker.ts'

/** Events after which Temporal suggests to continue as new, here. */
const SUGGESTED = 15

const unreachable = () =>
  ApplicationFailure.create({
    type: 'network_unreachable',
    message: 'No route. Check the network.',
    nonRetryable: false,
    details: [{ retry_after_ms: 1 }],
    nextRetryDelay: 1,
  })

// Each attempt takes Temporal a second: the tests wait side by side.
describe('the history of an upload', { concurrency: true }, () => {
  let temporal: TestTemporal
  before(async () => {
    temporal = await createTestTemporal({
      extraArgs: ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${SUGGESTED}`],
    })
  })
  after(() => temporal.close())

  const eventsOf = async (workflowId: string, runId?: string) =>
    (await temporal.client.workflow.getHandle(workflowId, runId).fetchHistory()).events?.length ?? 0
  const failing = (times: number, atAttempt: (attempt: number) => Promise<void> = async () => undefined) => {
    let attempts = 0
    const inputs: unknown[] = []
    const uploadArchive: Activities['uploadArchive'] = async (input) => {
      attempts += 1
      inputs.push(input.resume_after)
      await atAttempt(attempts)
      if (attempts <= times) throw unreachable()
      return COPY
    }
    return { uploadArchive, attempts: () => attempts, inputs }
  }

  it('the history of an upload stays short in both workflows, however many attempts fail', async () => {
    const upload = failing(34)
    const worker = await startDestinationWorker(temporal, { uploadArchive: upload.uploadArchive })
    try {
      const { run, childId } = await worker.startRun()
      const result = await run.result()
      assert.equal(result.destinations.a1?.status, 'uploaded')
      assert.equal(upload.attempts(), 35)
      const ofChild = await eventsOf(childId)
      assert.ok(ofChild < 3 * SUGGESTED, `${ofChild} events of the child`)
      const ofRun = await eventsOf(run.workflowId)
      assert.ok(ofRun < 50, `${ofRun} events of the run`)
    } finally {
      await worker.stop()
    }
  })

  it('an upload that continues as new keeps its state, query, search attributes, parent and last pause', async () => {
    const held = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<string>()
    const upload = failing(25, async (attempt) => {
      if (attempt === 1) {
        const told = { account_id: 'a1', state: { bytes_sent: 600 } }
        await temporal.client.workflow.getHandle(await begun.promise).signal('destination_changed', told)
      }
      if (attempt !== 25) return
      reached.resolve()
      await held.promise
    })
    const worker = await startDestinationWorker(temporal, { uploadArchive: upload.uploadArchive })
    try {
      const { run, childId } = await worker.startRun()
      begun.resolve(childId)
      await reached.promise
      const child = temporal.client.workflow.getHandle(childId)
      const described = await child.describe()
      assert.notEqual(described.runId, described.raw.workflowExecutionInfo?.firstRunId)
      assert.equal(described.parentExecution?.workflowId, run.workflowId)
      assert.equal(described.searchAttributes.OdooInstance?.[0], 'acme')
      assert.equal(described.searchAttributes.CloudSyncStatus?.[0], 'retrying')
      const status = await child.query<CloudSyncStatus>('cloud_sync_status')
      assert.deepEqual(
        [status.a1?.status, status.a1?.error?.code, status.a1?.bytes_sent],
        ['retrying', 'network_unreachable', 600],
      )
      assert.deepEqual(upload.inputs[0], undefined)
      const after = upload.inputs.at(-1) as { pause_ms: number; error: { code: string } }
      assert.deepEqual([after.pause_ms, after.error.code], [1, 'network_unreachable'])
      held.resolve()
      assert.equal((await run.result()).destinations.a1?.status, 'uploaded')
    } finally {
      held.resolve()
      await worker.stop()
    }
  })

  it('an upload that continued as new is cancelled by its run like any other', async () => {
    const reached = Promise.withResolvers<void>()
    const upload = failing(1000, async (attempt) => {
      if (attempt < 15) return
      reached.resolve()
      const context = Context.current()
      const beats = setInterval(() => context.heartbeat(), 100)
      await context.cancelled.finally(() => clearInterval(beats))
    })
    const settled: Partial<DestinationState>[] = []
    const worker = await startDestinationWorker(temporal, {
      uploadArchive: upload.uploadArchive,
      saveDestination: async ({ state }) => void settled.push(state),
    })
    try {
      const { run, childId } = await worker.startRun()
      await reached.promise
      await run.cancel()
      await assert.rejects(run.result())
      assert.equal((await temporal.client.workflow.getHandle(childId).describe()).status.name, 'CANCELLED')
      assert.deepEqual(
        settled.map(({ status }) => status),
        ['cancelled'],
      )
    } finally {
      await worker.stop()
    }
  })

  it('an upload loses no signal that comes while it continues as new', async () => {
    const target = { id: '' }
    const started = Promise.withResolvers<void>()
    const upload = failing(21, async (attempt) => {
      await started.promise
      const told = { account_id: 'a1', state: { bytes_sent: attempt } }
      await temporal.client.workflow.getHandle(target.id).signal('destination_changed', told)
    })
    const seen: number[] = []
    const worker = await startDestinationWorker(temporal, {
      uploadArchive: upload.uploadArchive,
      verifyUpload: async ({ copy }) => {
        const status = await temporal.client.workflow
          .getHandle(target.id)
          .query<CloudSyncStatus>('cloud_sync_status')
        seen.push(status.a1?.bytes_sent ?? -1)
        return { ...copy, bytes_sent: copy.size, finished_at: new Date().toISOString() }
      },
    })
    try {
      const { run, childId } = await worker.startRun()
      target.id = childId
      started.resolve()
      await run.result()
      assert.deepEqual(seen, [22])
    } finally {
      await worker.stop()
    }
  })

  it('an upload that continues as new tells its run what it had not been told yet', async () => {
    const begun = Promise.withResolvers<string>()
    const isTold = Promise.withResolvers<void>()
    const upload = failing(10, async (attempt) => {
      if (attempt === 11) await isTold.promise
      if (attempt !== 10) return
      const child = temporal.client.workflow.getHandle(await begun.promise)
      // The first is passed on at once, and the others have to wait.
      for (const bytes_sent of [1, 2, 3])
        await child.signal('destination_changed', { account_id: 'a1', state: { bytes_sent } })
    })
    const worker = await startDestinationWorker(temporal, { uploadArchive: upload.uploadArchive })
    try {
      const { run, childId } = await worker.startRun()
      begun.resolve(childId)
      await until('the run is told of the last', async () => {
        const { a1 } = await run.query<CloudSyncStatus>('cloud_sync_status')
        return a1?.bytes_sent === 3 ? true : null
      })
      isTold.resolve()
      await run.result()
    } finally {
      isTold.resolve()
      await worker.stop()
    }
  })

  it('an upload tells its run of many changes in few signals, and of the latest in the end', async () => {
    const held = Promise.withResolvers<void>()
    const upload = failing(0, () => held.promise)
    const worker = await startDestinationWorker(temporal, { uploadArchive: upload.uploadArchive })
    try {
      const { run, childId } = await worker.startRun()
      const child = temporal.client.workflow.getHandle(childId)
      await until('the upload runs', async () => (upload.attempts() > 0 ? true : null))
      const begunMs = performance.now()
      const tell = (bytes: number) =>
        child.signal('destination_changed', { account_id: 'a1', state: { bytes_sent: bytes } })
      const isKnown = (bytes: number) =>
        until('the run knows the latest', async () => {
          const status = await run.query<CloudSyncStatus>('cloud_sync_status')
          return status.a1?.bytes_sent === bytes ? true : null
        })
      for (let bytes = 1; bytes <= 6; bytes += 1) {
        await tell(bytes)
        await isKnown(bytes)
      }
      for (let bytes = 7; bytes <= 100; bytes += 1) await tell(bytes)
      await isKnown(100)
      const tookMs = performance.now() - begunMs
      const { events } = await run.fetchHistory()
      const signals = events?.filter((event) => event.workflowExecutionSignaledEventAttributes != null) ?? []
      // Each pause is longer than a second, and only the first change finds none.
      assert.ok((signals.length - 1) * 1000 <= tookMs, `${signals.length} signals in ${tookMs} ms`)
      held.resolve()
      assert.equal((await run.result()).destinations.a1?.status, 'uploaded')
    } finally {
      held.resolve()
      await worker.stop()
    }
  })

  it('a year of changes is told in less than a thousand signals', () => {
    let ms = 0
    let count = 0
    for (; ms < 365 * 86_400_000; count += 1) ms += pauseAfterChange(count)
    assert.ok(count < 1000, `${count} signals`)
    assert.ok(pauseAfterChange(10) < 3_000, 'and of the first ones without delay')
  })
})
