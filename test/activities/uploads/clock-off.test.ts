import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createPinActivities } from '../../../activities/archives/pin-archive.ts'
import { StepError } from '../../../activities/failures.ts'
import { createFinishRunActivities } from '../../../activities/runs/finish-run.ts'
import { pauseFor, refuseWhilePaused } from '../../../activities/uploads/account-pause.ts'
import { accountPause } from '../../../db/accounts/account-pauses.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { keepPinUntil } from '../../../db/runs/kept-archives.ts'
import { getRun, recordRun } from '../../../db/runs/runs.ts'
import { KEEP_ARCHIVE_MS } from '../../../workflows/archives/keep-time.ts'
import { createTestDeps, type TestDeps } from '../../support/activity-deps.ts'
import { withClockOff } from '../../support/clock/clock-off.ts'
import { pendingDestination, randomName, someAccount, someInstance, someRun } from '../../support/rows.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

describe('a worker whose clock is not that of the database', () => {
  let deps: TestDeps
  before(async () => {
    deps = await createTestDeps()
  })
  after(() => deps.close())

  const databaseTime = async (ms: number) => new Date((await databaseNow(deps.db)) + ms).toISOString()
  const pinned = async () => {
    const archive = `${randomName('acme')}.dump`
    await writeFile(join(deps.folder, archive), 'content')
    const { slug } = await someInstance(deps.db)
    const id = randomName('run')
    const { run } = await recordRun(deps.db, { id, instance_slug: slug, archive, workflow_id: id })
    await createPinActivities(deps).pinArchive({ run_id: run.id })
    return run
  }

  for (const [how, offMs] of [
    ['behind', -HOUR_MS],
    ['ahead', HOUR_MS],
  ] as const) {
    it(`lets an account rest for as long as its provider asked, with a clock that is ${how}`, async () => {
      const { id: account_id } = await someAccount(deps.db)
      const run = await someRun(deps.db)
      const claim = { run_id: run.id, account_id, claim: 1 }
      const cause = {
        code: 'rate_limited',
        fact: 'Too fast.',
        advice: 'Wait.',
        details: {},
        retryAfterMs: 120_000,
      } as const
      const waits = await withClockOff(offMs, async () => {
        await pauseFor(deps, claim, 'dropbox', cause)
        return refuseWhilePaused(deps.db, account_id).catch((error: unknown) => error)
      })
      const pause = await accountPause(deps.db, account_id)
      const leftMs = Date.parse(pause?.until ?? '') - (await databaseNow(deps.db))
      assert.ok(leftMs > 0 && leftMs <= 120_000, `it rests for ${leftMs} ms more`)
      assert.ok(waits instanceof StepError && waits.retryAfterMs !== undefined)
      assert.ok(waits.retryAfterMs > 1_000 && waits.retryAfterMs <= 120_000, `waits ${waits.retryAfterMs} ms`)
    })
  }

  it('keeps the archive of a failed run for a week of the database', async () => {
    const run = await pinned()
    await beginSync(deps.db, run.id, { a1: pendingDestination() })
    const error = { code: 'storage_quota_exceeded', message: 'Full.', retryable: false }
    await withClockOff(-30 * DAY_MS, () =>
      createFinishRunActivities(deps).finishRun({ run_id: run.id, unsettled: error }),
    )
    const { kept_until } = (await getRun(deps.db, run.id)) ?? assert.fail()
    const keptMs = Date.parse(kept_until ?? '') - (await databaseNow(deps.db))
    assert.ok(keptMs > KEEP_ARCHIVE_MS - HOUR_MS && keptMs <= KEEP_ARCHIVE_MS, `kept for ${keptMs} ms`)
  })

  it('lets a kept archive go when its time is over by the clock of the database, and not before', async () => {
    const run = await pinned()
    await finishSync(deps.db, run.id, 'failed')
    const release = (offMs: number) =>
      withClockOff(offMs, () =>
        createPinActivities(deps).releaseArchive({ run_id: run.id, only_when_due: true }),
      )
    await keepPinUntil(deps.db, run.id, await databaseTime(HOUR_MS))
    const kept = await release(DAY_MS)
    assert.equal(kept.is_released, false)
    // What Temporal's clock is to count down comes from the database's, and not from this worker's.
    assert.ok(
      (kept.kept_for_ms ?? 0) > HOUR_MS / 2 && (kept.kept_for_ms ?? 0) <= HOUR_MS,
      `${kept.kept_for_ms}`,
    )
    await keepPinUntil(deps.db, run.id, await databaseTime(-HOUR_MS))
    assert.equal((await release(-DAY_MS)).is_released, true)
  })
})
