// Proofs may take hours: they never take the slots of the short activities that every run waits for.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ApplicationFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import type { ActivityDeps } from '../../../activities/dependencies.ts'
import { withFailures } from '../../../activities/failures.ts'
import { PATIENCE } from '../../../activities/patience.ts'
import {
  createVerifyActivities,
  PROOFS_AT_ONCE,
  type VerifyInput,
} from '../../../activities/proofs/verify-upload.ts'
import { createLogger } from '../../../db/process/log.ts'
import { until } from '../../support/until.ts'
import { createMemoryProvider } from '../../support/uploads/memory-provider.ts'

const READINGS_AT_ONCE = 8
const silent = new DefaultLogger('ERROR', () => undefined)

/** What a proof ends with, as a failure of its activity. */
function aVerifier(
  change: Partial<ReturnType<typeof createMemoryProvider>> & { readBack?: () => Promise<Buffer> },
) {
  const log = createLogger({ logLevel: 'silent' })
  const provider = createMemoryProvider()
  const file = provider.put('x.zip', Buffer.from('content'))
  const [hash] = file.hashes
  assert.ok(hash !== undefined)
  const accounts = {
    open: async (id: string) => ({ id, name: 'a', provider: { ...provider, ...change } }),
  }
  // The database is for copies that are proven, and none is here.
  const deps = { log, accounts, patience: PATIENCE } as unknown as ActivityDeps
  const verify = withFailures(log, createVerifyActivities(deps).verifyUpload)
  const input: VerifyInput = {
    run_id: 'run-1',
    instance: 'acme',
    account_id: 'account-1',
    binding_id: 'binding-1',
    copy: {
      remote_id: file.id,
      remote_path: '/x.zip',
      size: file.size,
      hash,
      already_present: false,
      uploaded_at: '2001-01-01T00:00:00Z',
      attempt: 1,
      started_at: '2001-01-01T00:00:00Z',
    },
  }
  const looks = { lacking: 'hash', since: new Date().toISOString(), looks: 3 }
  return async (): Promise<ApplicationFailure> => {
    const environment = new MockActivityEnvironment({ heartbeatDetails: looks }, { logger: silent })
    try {
      await environment.run(verify, input)
    } catch (error) {
      assert.ok(error instanceof ApplicationFailure)
      return error
    }
    return assert.fail('it was proven')
  }
}

/** A call that hangs until it is let go, and counts how many hang. */
function aHang<T>(outcome: T) {
  const gate = Promise.withResolvers<void>()
  let hanging = 0
  return {
    call: async (): Promise<T> => {
      hanging += 1
      await gate.promise
      return outcome
    },
    letGo: () => gate.resolve(),
    untilHanging: (wanted: number) =>
      until(`${wanted} calls hang`, async () => (hanging < wanted ? null : true)),
    count: () => hanging,
  }
}

describe('the proofs of one process', () => {
  it('leave a proof beyond their bound to a later try, without asking the provider, until one has ended', async (t) => {
    const hang = aHang(null)
    t.after(hang.letGo)
    const verify = aVerifier({ getFile: hang.call })
    const underWay = Array.from({ length: PROOFS_AT_ONCE }, verify)
    await hang.untilHanging(PROOFS_AT_ONCE)
    const refused = await verify()
    assert.deepEqual([refused.nonRetryable, refused.nextRetryDelay], [false, 5000])
    assert.match(refused.message, /Other copies are being proven first/)
    assert.equal(hang.count(), PROOFS_AT_ONCE)
    hang.letGo()
    await Promise.all(underWay)
    assert.match((await verify()).message, /does not show the file/)
  })

  it('read few copies back at once, and leave the others to a later try', async (t) => {
    const hang = aHang(Buffer.from('another'))
    t.after(hang.letGo)
    const file = createMemoryProvider().put('x.zip', Buffer.from('content'))
    const verify = aVerifier({ getFile: async () => ({ ...file, hashes: [] }), readBack: hang.call })
    const underWay = Array.from({ length: READINGS_AT_ONCE }, verify)
    await hang.untilHanging(READINGS_AT_ONCE)
    const refused = await verify()
    assert.deepEqual([refused.nonRetryable, refused.nextRetryDelay], [false, 5000])
    assert.equal(hang.count(), READINGS_AT_ONCE)
    hang.letGo()
    await Promise.all(underWay)
  })
})
