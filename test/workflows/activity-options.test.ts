import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { msOptionalToNumber } from '@temporalio/common/lib/time.js'
import { archiveOptions, pruneOptions, uploadOptions } from '../../workflows/activity-options.ts'

describe('how long the workflows wait for a worker', () => {
  it('an upload waits for a busy or rebooting host without end', () => {
    const { scheduleToStartTimeout, scheduleToCloseTimeout } = uploadOptions('cloud-host7', 'acme → Drive')
    assert.deepEqual([scheduleToStartTimeout, scheduleToCloseTimeout], [undefined, undefined])
  })

  it('linking an archive waits for the shared queue longer than for a host, and for neither without end', () => {
    const patienceFor = (isHostQueue: boolean) =>
      msOptionalToNumber(archiveOptions('archives', isHostQueue).scheduleToStartTimeout) ?? assert.fail()
    assert.ok(patienceFor(true) < patienceFor(false))
  })

  it('a plan of what to delete is not carried out when no worker took it in time, nor a second time', () => {
    assert.ok(msOptionalToNumber(pruneOptions.scheduleToStartTimeout) !== undefined)
    assert.equal(pruneOptions.retry?.maximumAttempts, 1)
  })
})
