import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it, mock } from 'node:test'
import { ApplicationFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { withFailures } from '../../../activities/failures.ts'
import { PATIENCE } from '../../../activities/patience.ts'
import { isTimeToReadBack } from '../../../activities/proofs/read-back.ts'
import {
  createVerifyActivities,
  type VerifiedState,
  type VerifyInput,
} from '../../../activities/proofs/verify-upload.ts'
import { type Provider, ProviderError, type RemoteFile } from '../../../activities/providers/provider.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { listAudit } from '../../../db/views/audit.ts'
import type { ProviderKind } from '../../../workflows/types.ts'
import { createTestDeps, type TestDeps } from '../../support/activity-deps.ts'
import { pendingDestination, someAccount, someRun } from '../../support/rows.ts'
import { createMemoryProvider, type MemoryProvider } from '../../support/uploads/memory-provider.ts'

const MINUTE = 60_000
const MIB = 1024 * 1024
const silent = new DefaultLogger('ERROR', () => undefined)

describe('the proof of a copy', () => {
  let deps: TestDeps
  let provider: MemoryProvider & Pick<Provider, 'readBack'>
  before(async () => {
    deps = await createTestDeps()
  })
  after(() => deps.close())
  beforeEach(() => {
    provider = createMemoryProvider()
    // Only what `Date` says: nothing has to be waited for.
    mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-11-23T00:00:00Z') })
  })
  afterEach(() => mock.timers.reset())

  /** What the provider answers at a try. */
  type Outcome = { readonly settled?: VerifiedState; readonly failure?: ApplicationFailure }
  type Answer = 'away' | 'unknown' | 'no_hash' | 'whole'

  /** Plays the server: the same activity again after each failure that may be retried, as late as it asks to be. */
  async function aProof(kind: ProviderKind, change: Partial<VerifyInput['copy']> = {}) {
    const run = await someRun(deps.db)
    const account = await someAccount(deps.db)
    await beginSync(deps.db, run.id, { [account.id]: pendingDestination({ provider: kind }) })
    const file = provider.put('x.zip', Buffer.from('content'))
    const [hash] = file.hashes
    assert.ok(hash !== undefined)
    let answer: Answer = 'whole'
    const asked: Record<Answer, () => RemoteFile | null> = {
      away: () => {
        throw new ProviderError('provider_unavailable', 'the service answers 503')
      },
      unknown: () => null,
      no_hash: () => ({ ...file, hashes: [] }),
      whole: () => file,
    }
    const removed: string[] = []
    const verify = withFailures(
      deps.log,
      createVerifyActivities({
        ...deps,
        accounts: {
          open: async (id) => ({
            id,
            name: account.name,
            provider: {
              ...provider,
              kind,
              getFile: async () => asked[answer](),
              deleteFile: async ({ id }) => {
                removed.push(id)
                return 'deleted'
              },
            },
          }),
        },
      }).verifyUpload,
    )
    const input: VerifyInput = {
      run_id: run.id,
      instance: run.instance_slug,
      account_id: account.id,
      binding_id: 'binding-1',
      copy: {
        remote_id: file.id,
        remote_path: '/x.zip',
        size: file.size,
        hash,
        already_present: false,
        // A provider whose clock is far off.
        uploaded_at: '2001-01-01T00:00:00Z',
        attempt: 1,
        started_at: new Date().toISOString(),
        ...change,
      },
    }
    let attempt = 0
    let heartbeatDetails: unknown
    const tryOnce = async (next: Answer): Promise<Outcome> => {
      answer = next
      attempt += 1
      const environment = new MockActivityEnvironment({ attempt, heartbeatDetails }, { logger: silent })
      environment.on('heartbeat', (details: unknown) => {
        heartbeatDetails = details
      })
      try {
        return { settled: await environment.run<[VerifyInput], VerifiedState, typeof verify>(verify, input) }
      } catch (error) {
        assert.ok(error instanceof ApplicationFailure)
        return { failure: error }
      }
    }
    /** Tries until the end, for at most half an hour of this clock; returns how long it took, too. */
    const tryOn = async (next: Answer) => {
      const start = Date.now()
      while (Date.now() - start < 30 * MINUTE) {
        const outcome = await tryOnce(next)
        const tookMs = Date.now() - start
        if (outcome.failure?.nonRetryable !== false) return { ...outcome, tookMs }
        const pause = Number(outcome.failure.nextRetryDelay)
        assert.ok(pause >= 1000 && pause <= 30_000, `it is asked again after ${pause} ms`)
        mock.timers.tick(pause)
      }
      return assert.fail('there is no end')
    }
    const proofs = async () =>
      (await listAudit(deps.db, { run_id: run.id, limit: 10 })).items.flatMap(({ event, details }) =>
        event === 'upload_verified' ? [details.verified_by] : [],
      )
    return { tryOnce, tryOn, proofs, removed }
  }

  for (const missing of ['no_hash', 'unknown'] as const) {
    it(`goes on when the first answer after a bad time of the service is ${missing}`, async () => {
      const { tryOnce, proofs } = await aProof('onedrive')
      for (let n = 0; n < 12; n += 1) await tryOnce('away')
      mock.timers.tick(60 * MINUTE)
      const { failure } = await tryOnce(missing)
      assert.deepEqual([failure?.type, failure?.nonRetryable], ['upload_unverified', false])
      const { settled } = await tryOnce('whole')
      assert.equal(settled?.hash?.algorithm, 'md5')
      assert.deepEqual(await proofs(), ['size_and_hash'])
    })
  }

  it('reads a small copy back soon where no hash is stated', async () => {
    provider = { ...provider, readBack: async () => Buffer.from('content') }
    const { tryOn, proofs } = await aProof('onedrive')
    const { settled, tookMs } = await tryOn('no_hash')
    assert.equal(settled?.hash?.algorithm, 'md5')
    assert.ok(tookMs < MINUTE)
    assert.deepEqual(await proofs(), ['size_and_content'])
  })

  it('removes a copy whose content is another one when it is read back', async () => {
    provider = { ...provider, readBack: async () => Buffer.from('c0ntent') }
    const { tryOn, proofs, removed } = await aProof('onedrive')
    const { failure } = await tryOn('no_hash')
    assert.deepEqual([failure?.type, failure?.nonRetryable, removed.length], ['hash_mismatch', true, 1])
    assert.match(failure?.message ?? '', /read back/)
    assert.deepEqual(await proofs(), [])
  })

  it('waits ten minutes for the hash before it reads a large copy back', () => {
    const since = new Date().toISOString()
    const looks = { lacking: 'hash', since, looks: 40 } as const
    const soon = Date.parse(since) + 9 * MINUTE
    assert.equal(isTimeToReadBack(64 * MIB, { ...looks, looks: 3 }, soon, PATIENCE), true)
    assert.equal(isTimeToReadBack(64 * MIB + 1, looks, soon, PATIENCE), false)
    assert.equal(isTimeToReadBack(64 * MIB + 1, looks, soon + 2 * MINUTE, PATIENCE), true)
  })

  it('fails without a hash where nothing can be read back, after the same time', async () => {
    const { tryOn, proofs } = await aProof('google_drive')
    const { failure, tookMs } = await tryOn('no_hash')
    assert.equal(failure?.type, 'upload_unverified')
    assert.ok(tookMs >= 10 * MINUTE && tookMs < 11 * MINUTE)
    assert.deepEqual(await proofs(), [])
  })

  it('calls a file vanished that is not there for half a minute, after several looks', async () => {
    const { tryOn } = await aProof('dropbox')
    const { failure, tookMs } = await tryOn('unknown')
    assert.deepEqual([failure?.type, failure?.nonRetryable], ['copy_vanished', true])
    assert.ok(tookMs >= MINUTE / 2 && tookMs < MINUTE)
    assert.doesNotMatch(failure?.message ?? '', /asked again/)
  })

  it('counts faults of the service in between for nothing, and forgets nothing over them', async () => {
    const { tryOnce, tryOn } = await aProof('onedrive')
    for (let n = 0; n < 5; n += 1) await tryOnce('no_hash')
    await tryOnce('away')
    mock.timers.tick(10 * MINUTE)
    const { failure, tookMs } = await tryOn('no_hash')
    assert.deepEqual([failure?.type, failure?.nonRetryable], ['upload_unverified', true])
    assert.equal(tookMs, 0)
  })

  it('wants several looks however much time has passed', async () => {
    const { tryOnce } = await aProof('onedrive')
    await tryOnce('no_hash')
    mock.timers.tick(600 * MINUTE)
    assert.equal((await tryOnce('no_hash')).failure?.type, 'upload_unverified')
  })

  it('waits anew for the hash of a file that was missing before', async () => {
    const { tryOnce } = await aProof('onedrive')
    for (let n = 0; n < 5; n += 1) await tryOnce('unknown')
    mock.timers.tick(60 * MINUTE)
    assert.equal((await tryOnce('no_hash')).failure?.nonRetryable, false)
  })

  const other = { algorithm: 'md5', value: '0'.repeat(32) } as const
  const cases = [
    ['hash_mismatch', { hash: other }],
    ['size_mismatch', { size: 8 }],
  ] as const
  for (const [code, change] of cases) {
    it(`says of a copy with ${code} that it was removed, and nothing that is not certain`, async () => {
      const { tryOnce, removed } = await aProof('google_drive', change)
      const { failure } = await tryOnce('whole')
      assert.deepEqual([failure?.type, failure?.nonRetryable, removed.length], [code, true, 1])
      assert.match(failure?.message ?? '', /it was removed\. /)
      assert.doesNotMatch(failure?.message ?? '', /sent once more|sent again/)
    })

    it(`leaves a file with ${code} that was there before, and says so`, async () => {
      const { tryOnce, removed } = await aProof('google_drive', { ...change, already_present: true })
      const { failure } = await tryOnce('whole')
      assert.deepEqual([failure?.type, removed.length], [code, 0])
      assert.match(failure?.message ?? '', /it is left as it is, because it was there before/)
      assert.doesNotMatch(failure?.message ?? '', /removed/)
    })
  }
})
