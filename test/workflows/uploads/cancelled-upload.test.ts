// What a cancelled destination asks about the copy that it may have left, with stand-ins for the activities.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Context } from '@temporalio/activity'
import type { VerifiedState } from '../../../activities/proofs/verify-upload.ts'
import type { UploadedCopy } from '../../../activities/uploads/uploaded-copy.ts'
import { sharedQueues } from '../../../workflows/workflow-ids.ts'
import { createTestTemporal, type TestTemporal } from '../../support/temporal.ts'
import { COPY, startDestinationWorker } from '../../support/uploads/destination-worker.ts'

const verified = (copy: UploadedCopy): VerifiedState => ({
  ...copy,
  bytes_sent: copy.size,
  finished_at: '2026-11-23T01:00:00.000Z',
})

describe('a destination that is cancelled', () => {
  let temporal: TestTemporal
  before(async () => {
    temporal = await createTestTemporal()
  })
  after(() => temporal.close())

  /** An activity that ends when it is cancelled. */
  function cancellable() {
    const begun = Promise.withResolvers<void>()
    const activity = async (): Promise<never> => {
      begun.resolve()
      for (;;) {
        Context.current().heartbeat()
        await Context.current().sleep(50)
      }
    }
    return { begun: begun.promise, activity }
  }

  it('the copy of a cancelled destination is looked at by a worker that reads the archive, where another one cannot tell', async () => {
    const upload = cancellable()
    const asked: string[] = []
    const proven: unknown[] = []
    const worker = await startDestinationWorker(temporal, {
      uploadArchive: upload.activity,
      abortUpload: async () => {
        const { taskQueue } = Context.current().info
        asked.push(taskQueue)
        return taskQueue === worker.taskQueue ? { left: 'unread' } : { left: 'copy', copy: COPY }
      },
      verifyUpload: async ({ copy }) => {
        proven.push(copy)
        return verified(copy)
      },
    })
    try {
      const destination = await worker.start()
      await upload.begun
      await destination.cancel()
      assert.equal((await destination.result()).status, 'uploaded')
      assert.deepEqual(asked, [worker.taskQueue, sharedQueues(worker.taskQueue).archive])
      assert.deepEqual(proven, [COPY])
    } finally {
      await worker.stop()
    }
  })

  it('a cancelled destination proves the copy that it has sent, where the proof was cancelled', async () => {
    const first = cancellable()
    const proven: unknown[] = []
    let proofs = 0
    const worker = await startDestinationWorker(temporal, {
      verifyUpload: async ({ copy }) => {
        proofs += 1
        if (proofs === 1) return first.activity()
        proven.push(copy)
        return verified(copy)
      },
      abortUpload: async ({ copy }) => (copy === undefined ? { left: 'nothing' } : { left: 'copy', copy }),
    })
    try {
      const destination = await worker.start()
      await first.begun
      await destination.cancel()
      assert.equal((await destination.result()).status, 'uploaded')
      assert.deepEqual(proven, [COPY])
    } finally {
      await worker.stop()
    }
  })
})
