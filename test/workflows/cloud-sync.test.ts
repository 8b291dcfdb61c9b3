// What a run does in which order, with stand-ins for the activities on a real Temporal server: each test says what the activities
// answer, and checks which ones the workflow called.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import { Worker, type WorkflowBundle } from '@temporalio/worker'
import type { Activities } from '../../activities/index.ts'
import { cloudSyncWorkflow } from '../../workflows/cloud-sync.ts'
import { cloudSyncStatusQuery } from '../../workflows/messages.ts'
import { type Destination, pendingState } from '../../workflows/runs/destination.ts'
import type { DestinationState } from '../../workflows/types.ts'
import { randomName } from '../support/rows.ts'
import { createTestTemporal, type TestTemporal } from '../support/temporal.ts'
import { until } from '../support/until.ts'
import { testBundle } from '../support/workflow-bundle.ts'

const aDestination = (account_id: string): Destination => ({
  account_id,
  binding_id: `binding-${account_id}`,
  account: account_id,
  provider: 'dropbox',
  folder: '/odoo-backups/acme',
  keep_last: null,
  retention_scope: 'folder',
})

const settledAs = (account_id: string, status: DestinationState['status']): DestinationState => ({
  ...pendingState(aDestination(account_id)),
  status,
  finished_at: '2026-01-01T00:00:00.000Z',
})

/** Servers take so many bytes. */
const SUMMARY_BYTES = 400

const never = () => new Promise<never>(() => undefined)

describe('cloudSyncWorkflow', () => {
  let temporal: TestTemporal
  let workflowBundle: WorkflowBundle
  before(async () => {
    temporal = await createTestTemporal()
    workflowBundle = await testBundle()
  })
  after(() => temporal.close())

  /** Runs `work` beside Workers whose activities are `given`, and else do what a run of two destinations needs. */
  async function withActivities(
    given: Partial<{ [Name in keyof Activities]: (...args: Parameters<Activities[Name]>) => unknown }>,
    work: (run: {
      readonly runId: string
      readonly called: readonly string[]
      readonly handle: Awaited<ReturnType<typeof start>>
    }) => Promise<void>,
  ): Promise<void> {
    const taskQueue = temporal.taskQueue()
    const called: string[] = []
    const destinations = [aDestination('one'), aDestination('two')]
    const status = Object.fromEntries(destinations.map((each) => [each.account_id, pendingState(each)]))
    const copy = { remote_id: 'r', remote_path: '/x.dump', size: 7, hash: null, bytes_sent: 7, attempt: 1 }
    const uploaded = { ...copy, started_at: '2026-01-01T00:00:00Z', finished_at: '2026-01-01T00:00:01Z' }
    const all: Record<string, (input: never) => unknown> = {
      recordRun: () => ({ destinations, status }),
      refuseRun: () => undefined,
      pinArchive: () => ({ size: 7, pin: 'linked' }),
      awaitTurn: () => undefined,
      uploadArchive: () => ({ ...copy, uploaded_at: uploaded.finished_at, already_present: false }),
      verifyUpload: () => uploaded,
      abortUpload: () => undefined,
      saveDestination: () => undefined,
      failRun: () => undefined,
      finishRun: () => ({ status: 'uploaded', destinations: status, pin: 'linked', keep_archive: false }),
      releaseArchive: () => ({ is_released: true }),
      ...given,
    }
    const activities = Object.fromEntries(
      Object.entries(all).map(([name, activity]) => [
        name,
        async (input: never) => {
          called.push(name)
          return activity(input)
        },
      ]),
    )
    const common = { connection: temporal.nativeConnection, namespace: temporal.namespace, activities }
    const workers = [
      await Worker.create({ ...common, taskQueue, workflowBundle }),
      await Worker.create({ ...common, taskQueue: `${taskQueue}-archives` }),
      await Worker.create({ ...common, taskQueue: `${taskQueue}-uploads` }),
    ]
    const running = Promise.all(workers.map((worker) => worker.run()))
    const runId = randomName('run')
    try {
      await work({ runId, called, handle: await start(taskQueue, runId) })
    } finally {
      for (const worker of workers) worker.shutdown()
      await running
    }
  }

  function start(taskQueue: string, runId: string) {
    return temporal.client.workflow.start(cloudSyncWorkflow, {
      taskQueue,
      workflowId: `cloud-sync/acme/${runId}`,
      args: [{ instance: 'acme', archive: 'acme/x.dump', run_id: runId }],
    })
  }

  const exists = (workflowId: string) =>
    temporal.client.workflow
      .getHandle(workflowId)
      .describe()
      .then(
        () => true,
        (error: unknown) => {
          if (error instanceof WorkflowNotFoundError) return false
          throw error
        },
      )

  it('a child that is cancelled alone lets the other destinations go on, and the run returns its result', async () => {
    const gate = Promise.withResolvers<void>()
    const destinations = { one: settledAs('one', 'cancelled'), two: settledAs('two', 'uploaded') }
    await withActivities(
      {
        awaitTurn: ({ account_id }) => (account_id === 'one' ? gate.promise : undefined),
        finishRun: () => ({ status: 'cancelled', destinations, pin: null, keep_archive: false }),
      },
      async ({ runId, called, handle }) => {
        const child = temporal.client.workflow.getHandle(`cloud-sync/acme/${runId}/one`)
        await until('both children are under way', async () =>
          called.filter((name) => name === 'awaitTurn').length === 2 ? true : null,
        )
        await child.cancel()
        gate.resolve()
        assert.deepEqual(await handle.result(), { run_id: runId, status: 'cancelled', destinations })
        assert.equal((await handle.describe()).status.name, 'COMPLETED')
        assert.equal((await child.describe()).status.name, 'CANCELLED')
      },
    )
  })

  it('the query answers with every destination of the run, also those that are not synced now', async () => {
    const gate = Promise.withResolvers<void>()
    const status = {
      one: pendingState(aDestination('one')),
      'without a database': settledAs('without a database', 'failed'),
      'of an earlier sync': settledAs('of an earlier sync', 'uploaded'),
    }
    await withActivities(
      {
        recordRun: () => ({ destinations: [aDestination('one')], status }),
        awaitTurn: () => gate.promise,
      },
      async ({ called, handle }) => {
        await until('the upload waits for its turn', async () => (called.includes('awaitTurn') ? true : null))
        const answer = await handle.query(cloudSyncStatusQuery)
        gate.resolve()
        assert.deepEqual(
          Object.entries(answer).map(([id, state]) => [id, state.status]),
          Object.entries(status).map(([id, state]) => [id, state.status]),
        )
        await handle.result()
      },
    )
  })

  it('a run whose archive was never linked leaves no workflow behind', async () => {
    await withActivities(
      {
        pinArchive: () => {
          throw ApplicationFailure.nonRetryable('No worker serves this queue.', 'no_worker_for_queue')
        },
        finishRun: () => ({ status: 'failed', destinations: {}, pin: null, keep_archive: false }),
        releaseArchive: never,
      },
      async ({ runId, called, handle }) => {
        await assert.rejects(handle.result(), WorkflowFailedError)
        assert.deepEqual(called, ['recordRun', 'pinArchive', 'failRun', 'finishRun'])
        assert.equal(await exists(`cloud-sync-pin/acme/${runId}`), false)
      },
    )
  })

  it('the first activity keeps an archive that it sees, and no other worker is asked', async () => {
    const destinations = [aDestination('one')]
    const status = { one: pendingState(aDestination('one')) }
    await withActivities(
      { recordRun: () => ({ destinations, status, pin: 'linked' }) },
      async ({ called, handle }) => {
        await handle.result()
        assert.equal(called[0], 'recordRun')
        assert.equal(called.includes('pinArchive'), false)
      },
    )
  })

  it("the summary of a destination is one that servers take, however long the account's name is", async () => {
    const destination = { ...aDestination('one'), account: 'Ö'.repeat(300) }
    await withActivities(
      { recordRun: () => ({ destinations: [destination], status: { one: pendingState(destination) } }) },
      async ({ runId, handle }) => {
        await handle.result()
        const child = temporal.client.workflow.getHandle(`cloud-sync/acme/${runId}/one`)
        const summary = await (await child.describe()).staticSummary()
        assert.match(summary ?? '', /^acme → Ö+$/)
        assert.ok(Buffer.byteLength(summary ?? '') <= SUMMARY_BYTES)
      },
    )
  })

  it('a destination whose failure could not be written is settled with what kept it from being written', async () => {
    const finished: unknown[] = []
    await withActivities(
      {
        saveDestination: () => {
          throw ApplicationFailure.nonRetryable('The row is gone.', 'invalid_input')
        },
        awaitTurn: ({ account_id }) => {
          if (account_id === 'one') throw ApplicationFailure.nonRetryable('Gone.', 'unknown_account')
        },
        failRun: () => {
          throw ApplicationFailure.nonRetryable('The row is gone.', 'invalid_input')
        },
        finishRun: (input) => {
          finished.push(input.unsettled?.code)
          return { status: 'failed', destinations: {}, pin: null, keep_archive: false }
        },
      },
      async ({ handle }) => {
        assert.equal((await handle.result()).status, 'failed')
        assert.deepEqual(finished, ['invalid_input'])
      },
    )
  })

  it('a run without destinations is closed although it is cancelled at that moment', async () => {
    const gate = Promise.withResolvers<void>()
    await withActivities(
      {
        recordRun: async () => {
          await gate.promise
          return { destinations: [], status: {} }
        },
        finishRun: () => ({ status: 'none', destinations: {}, pin: null, keep_archive: false }),
      },
      async ({ called, handle }) => {
        await until('the run is being recorded', async () => (called.includes('recordRun') ? true : null))
        await handle.cancel()
        gate.resolve()
        await handle.result()
        assert.deepEqual(called, ['recordRun', 'finishRun'])
      },
    )
  })

  it('a run that was cancelled before it could be recorded does not stay pending', async () => {
    const gate = Promise.withResolvers<void>()
    const refused: unknown[] = []
    await withActivities(
      {
        recordRun: async () => {
          await gate.promise
          throw new CancelledFailure('cancelled while recording')
        },
        refuseRun: ({ error, workflow_id }) => void refused.push([error.code, workflow_id]),
      },
      async ({ runId, called, handle }) => {
        await until('the run is being recorded', async () => (called.includes('recordRun') ? true : null))
        await handle.cancel()
        gate.resolve()
        await assert.rejects(handle.result(), WorkflowFailedError)
        assert.deepEqual(refused, [['cancelled', `cloud-sync/acme/${runId}`]])
      },
    )
  })
})
