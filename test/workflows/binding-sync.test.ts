import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ActivityFailure, RetryState, TimeoutFailure, type TimeoutType } from '@temporalio/common'
import { archiveOptions, pruneOptions, uploadOptions } from '../../workflows/activity-options.ts'
import { pruneError } from '../../workflows/retention/prune-copies.ts'

const timedOut = (type: TimeoutType) =>
  new ActivityFailure(
    undefined,
    'pruneRemote',
    '1',
    RetryState.TIMEOUT,
    undefined,
    new TimeoutFailure('activity timed out', undefined, type),
  )

describe('an upload', () => {
  it('an upload waits for a busy or rebooting host without end', () => {
    assert.equal(uploadOptions('cloud-host7', 'acme → Drive').scheduleToStartTimeout, undefined)
    assert.equal(uploadOptions('cloud-host7', 'acme → Drive').scheduleToCloseTimeout, undefined)
  })

  it('linking an archive does not wait for a host that is not there', () => {
    assert.equal(archiveOptions('cloud-host7-archives', true).scheduleToStartTimeout, '15m')
    assert.equal(archiveOptions('cloud-archives', false).scheduleToStartTimeout, '12h')
  })
})

describe('a plan of what to delete', () => {
  it('a plan of what to delete is not carried out after a quarter of an hour, nor a second time', () => {
    assert.equal(pruneOptions.scheduleToStartTimeout, '15m')
    assert.equal(pruneOptions.retry?.maximumAttempts, 1)
  })

  it('a plan of what to delete that grew too old or was broken off is followed by a new one', () => {
    for (const type of ['SCHEDULE_TO_START', 'HEARTBEAT', 'START_TO_CLOSE'] as const) {
      const { code, retryable } = pruneError(timedOut(type))
      assert.deepEqual([code, retryable], ['worker_lost', true], type)
    }
  })
})
