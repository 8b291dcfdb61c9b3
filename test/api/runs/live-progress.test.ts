// The live numbers of an open run: what the provider has, and how fast it goes now.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { liveProgress } from '../../../api/runs/live-progress.ts'
import { createRateMemory, recentRate, type Sample, withSample } from '../../../api/runs/recent-rate.ts'
import type { PendingActivity } from '../../../api/temporal/pending-activity.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { getRun } from '../../../db/runs/runs.ts'
import { startAttempt } from '../../../db/uploads/attempts.ts'
import { saveProgress } from '../../../db/uploads/progress.ts'
import { claimSession } from '../../../db/uploads/sessions.ts'
import type { DestinationState } from '../../../workflows/types.ts'
import { pendingDestination, someAccount, someRun } from '../../support/rows.ts'
import { type ApiFixture, createApiFixture } from '../fixture.ts'

const MIB = 1024 * 1024

describe('the rate of an upload', () => {
  const after = (samples: readonly Sample[]) =>
    samples.reduce<readonly Sample[]>((seen, sample) => withSample(seen, sample), [])
  const every = (seconds: number, count: number, bytes: (index: number) => number) =>
    Array.from({ length: count }, (_, index) => ({ at_ms: index * seconds * 1000, bytes: bytes(index) }))

  it('the rate of an upload is that of the last half minute, not of the whole', () => {
    const fastThenSlow = every(1, 200, (second) =>
      second < 100 ? second * 50 * MIB : 4950 * MIB + second * MIB,
    )
    assert.equal(recentRate(after(fastThenSlow)), MIB)
    assert.ok(after(fastThenSlow).length <= 32)
  })

  it('the rate of an upload falls to 0 when nothing moves', () => {
    const stalled = every(1, 100, (second) => Math.min(second, 50) * MIB)
    assert.equal(recentRate(after(stalled)), 0)
  })

  it('the rate of an upload is unknown from one sample, from samples of one moment, or from samples that lie far apart', () => {
    assert.equal(recentRate(after([{ at_ms: 0, bytes: 5 }])), null)
    assert.equal(recentRate(after(every(0.1, 10, (index) => index * MIB))), null)
    assert.equal(recentRate(after(every(60, 3, (index) => index * MIB))), null)
  })

  it('the rate of an upload begins anew when fewer bytes are there than before', () => {
    const lost = [...every(1, 10, (second) => second * MIB), { at_ms: 10_000, bytes: 0 }]
    assert.deepEqual(after(lost), [{ at_ms: 10_000, bytes: 0 }])
  })

  it('the rate is remembered per upload until it is forgotten', () => {
    const memory = createRateMemory()
    for (const { at_ms, bytes } of every(2, 5, (index) => index * MIB)) {
      memory.note('a', { at_ms, bytes })
      memory.note('b', { at_ms, bytes: 2 * bytes })
    }
    assert.equal(memory.note('a', { at_ms: 10_000, bytes: 5 * MIB }), MIB / 2)
    assert.equal(memory.note('b', { at_ms: 10_000, bytes: 10 * MIB }), MIB)
    memory.drop('a')
    assert.equal(memory.note('a', { at_ms: 12_000, bytes: 6 * MIB }), null)
  })
})

describe('live progress', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const pending = (change: Partial<PendingActivity>): PendingActivity => ({
    activity: 'uploadArchive',
    activity_id: '1',
    state: 'running',
    attempt: 1,
    next_attempt_at: null,
    last_error: null,
    ...change,
  })
  /** 8 MiB were sent, and 1 MiB of them has the provider. */
  const show = async (state: Partial<DestinationState>, upload: PendingActivity) => {
    const { id: account } = await someAccount(api.db)
    const run = await someRun(api.db)
    const shown = pendingDestination({ size: 100 * MIB, bytes_sent: 8 * MIB, attempt: 1, ...state })
    await beginSync(api.db, run.id, { [account]: shown })
    const archive = { archive_size: 100 * MIB, archive_mtime_ns: '1' }
    const { claim } = await claimSession(api.db, run.id, account, {
      remote_folder: '/',
      remote_name: 'x.dump',
      ...archive,
    })
    await startAttempt(api.db, { run_id: run.id, account_id: account, attempt: claim })
    const session = { run_id: run.id, account_id: account, claim }
    await saveProgress(api.db, session, { stored_bytes: MIB, sent_bytes: 8 * MIB })
    const open = await getRun(api.db, run.id)
    assert.ok(open !== null)
    const temporal = { ...api.temporal, pendingActivity: async () => upload }
    const live = await liveProgress({ ...api, temporal }, [open])
    const destination = live.get(run.id)?.destinations[account]
    assert.ok(destination !== undefined)
    return destination
  }

  it('live progress shows what the provider has of a waiting upload, without a rate', async () => {
    const waiting = pending({ state: 'waiting', attempt: 3 })
    for (const status of ['retrying', 'uploading'] as const) {
      const live = await show({ status }, waiting)
      assert.equal(live.bytes_sent, MIB)
      assert.equal(live.bytes_per_second, null)
      assert.equal(live.eta_seconds, null)
      assert.equal(live.state, 'waiting')
    }
  })

  it('live progress shows how far a sending upload is', async () => {
    const live = await show({ status: 'uploading' }, pending({}))
    assert.equal(live.bytes_sent, 8 * MIB, 'what is saved every second')
    assert.equal(live.state, 'running')
  })

  it('live progress shows a copy that is being verified as complete', async () => {
    const proving = pending({ activity: 'verifyUpload', state: 'waiting', attempt: 2 })
    const live = await show({ status: 'uploading', bytes_sent: 100 * MIB }, proving)
    assert.equal(live.bytes_sent, 100 * MIB)
    assert.equal(live.bytes_per_second, null)
  })

  it('live progress uses what Temporal says of the first 150 destinations when there are more', async () => {
    const { id: account } = await someAccount(api.db)
    const runs = []
    for (let index = 0; index < 160; index += 1) {
      const { id } = await someRun(api.db)
      await beginSync(api.db, id, { [account]: pendingDestination({ status: 'uploading' }) })
      const run = await getRun(api.db, id)
      assert.ok(run !== null)
      runs.push(run)
    }
    let questions = 0
    const pendingActivity = async () => {
      questions += 1
      return pending({ state: 'waiting', next_attempt_at: '2026-11-23T00:00:00Z' })
    }
    const live = await liveProgress({ ...api, temporal: { ...api.temporal, pendingActivity } }, runs)
    const shown = runs.map(({ id }) => live.get(id))
    assert.equal(questions, 150)
    assert.deepEqual(
      shown.map((run) => run?.source),
      runs.map((_, index) => (index < 150 ? 'temporal' : 'database')),
    )
    assert.deepEqual(
      shown.map((run) => run?.destinations[account]?.next_attempt_at !== null),
      runs.map((_, index) => index < 150),
    )
  })
})
