// What a destination shows of a prune: enough for a person, and little enough for every list and event that carries it.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ActivityFailure, RetryState, TimeoutFailure, type TimeoutType } from '@temporalio/common'
import { pruneError } from '../../../workflows/retention/prune-copies.ts'
import { createTestTemporal, type TestTemporal } from '../../support/temporal.ts'
import { startDestinationWorker } from '../../support/uploads/destination-worker.ts'

describe('the pruning of a destination', () => {
  let temporal: TestTemporal
  before(async () => {
    temporal = await createTestTemporal()
  })
  after(() => temporal.close())

  async function pruneOf(files: number) {
    let left = files
    const worker = await startDestinationWorker(temporal, {
      planRemotePrune: async () => {
        const planned = Array.from({ length: Math.min(left, 500) }, (_, n) => ({
          id: `${left - n}`,
          name: `${left - n}.zip`,
          size: 1,
          uploaded_at: '2026-01-01T00:00:00.000Z',
          revision: null,
        }))
        return { delete: planned, kept: 30, skipped: null, has_more: left > 500 }
      },
      pruneRemote: async ({ files: planned }) => {
        left -= planned.length
        return { deleted: planned.map(({ name }) => name), error: null }
      },
    })
    try {
      const { destination } = worker.input()
      const handle = await worker.start({ destination: { ...destination, keep_last: 30 } })
      return (await handle.result()).retention
    } finally {
      await worker.stop()
    }
  }

  it('pruning names the first hundred of twelve hundred deleted files, and counts them all', async () => {
    const retention = await pruneOf(1200)
    assert.equal(retention?.deleted.length, 100)
    assert.deepEqual(retention?.deleted.slice(0, 2), ['1200.zip', '1199.zip'])
    assert.deepEqual([retention?.deleted_count, retention?.kept, retention?.error], [1200, 30, null])
  })

  it('pruning names every file of a hundred deleted ones, without a count', async () => {
    const retention = await pruneOf(100)
    assert.equal(retention?.deleted.length, 100)
    assert.ok(retention !== null && !('deleted_count' in retention))
  })

  it('a plan that grew too old or was broken off is followed by a new one', () => {
    for (const type of ['SCHEDULE_TO_START', 'HEARTBEAT', 'START_TO_CLOSE'] as const) {
      const { code, retryable } = pruneError(timedOut(type))
      assert.deepEqual([code, retryable], ['worker_lost', true], type)
    }
  })
})

function timedOut(type: TimeoutType): ActivityFailure {
  const timeout = new TimeoutFailure('activity timed out', undefined, type)
  return new ActivityFailure(undefined, 'pruneRemote', '1', RetryState.TIMEOUT, undefined, timeout)
}
