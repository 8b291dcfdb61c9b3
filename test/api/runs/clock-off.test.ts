import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { hashPassword } from '../../../api/access/passwords.ts'
import { liveProgress } from '../../../api/runs/live-progress.ts'
import { sweepPins } from '../../../api/runs/pin-sweep.ts'
import type { TemporalClient } from '../../../api/temporal/client.ts'
import { createUser } from '../../../db/access/users.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { finishSync, settleLost } from '../../../db/runs/ending.ts'
import { keepPinUntil } from '../../../db/runs/kept-archives.ts'
import { getRun } from '../../../db/runs/runs.ts'
import { startAttempt } from '../../../db/uploads/attempts.ts'
import { saveProgress } from '../../../db/uploads/progress.ts'
import { claimSession } from '../../../db/uploads/sessions.ts'
import { KEEP_ARCHIVE_MS } from '../../../workflows/archives/keep-time.ts'
import { withClockOff } from '../../support/clock/clock-off.ts'
import { pendingDestination, randomName, saveArchive, someAccount, someRun } from '../../support/rows.ts'
import { type ApiFixture, createApiFixture } from '../fixture.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const BYTES_PER_SECOND = 1_000

describe('an API whose clock is not that of the database', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const pinnedRun = async () => {
    const run = await someRun(api.db)
    const archive = { size: 5, archive_path: '/x/a.zip', archive_mtime_ns: '1', pin_path: `/x/${run.id}` }
    await saveArchive(api.db, run.id, { ...archive, pin: 'linked' })
    return run
  }

  it('a login lasts its whole life although the clocks differ', async () => {
    const credentials = { username: randomName('user'), password: 'four seagulls above' }
    const password_hash = await hashPassword(credentials.password)
    await createUser(api.db, { username: credentials.username, password_hash, role: 'viewer' })
    const answer = await withClockOff(-60 * DAY_MS, () =>
      api.askAnonymously('POST', '/api/session', credentials),
    )
    assert.equal(answer.status, 201, answer.text)
  })

  it('pins are swept when they are due by the clock of the database', async () => {
    const [due, early] = [await pinnedRun(), await pinnedRun()]
    for (const [run, leftMs] of [
      [due, -HOUR_MS],
      [early, HOUR_MS],
    ] as const) {
      await finishSync(api.db, run.id, 'failed')
      await keepPinUntil(api.db, run.id, new Date((await databaseNow(api.db)) + leftMs).toISOString())
    }
    const swept = async (offMs: number) => {
      const runs: string[] = []
      const runActivity: TemporalClient['runActivity'] = async ({ args, result }) => {
        if ('run_id' in args) runs.push(String(args.run_id))
        return result.parse({ is_released: true })
      }
      await withClockOff(offMs, () => sweepPins({ ...api, temporal: { ...api.temporal, runActivity } }))
      return runs
    }
    assert.deepEqual(await swept(-DAY_MS), [due.id])
    assert.deepEqual(await swept(DAY_MS), [due.id])
  })

  it('the archive of a lost run is kept for a week by the clock of the database', async () => {
    const run = await pinnedRun()
    await beginSync(api.db, run.id, { a1: pendingDestination() })
    const seen = (await getRun(api.db, run.id)) ?? assert.fail()
    const error = { code: 'internal_error', message: 'Lost.', retryable: true }
    await withClockOff(-30 * DAY_MS, () => settleLost(api.db, seen, error))
    const { kept_until } = (await getRun(api.db, run.id)) ?? assert.fail()
    const keptMs = Date.parse(kept_until ?? '') - (await databaseNow(api.db))
    assert.ok(keptMs > KEEP_ARCHIVE_MS - HOUR_MS && keptMs <= KEEP_ARCHIVE_MS, `kept for ${keptMs} ms`)
  })

  it('the rate of an attempt is measured by the clock of the database', async () => {
    const { id: account } = await someAccount(api.db)
    const { id } = await someRun(api.db)
    const seconds = 1_000
    const bytes = seconds * BYTES_PER_SECOND
    await beginSync(api.db, id, {
      [account]: pendingDestination({ status: 'uploading', size: 2 * bytes, bytes_sent: bytes }),
    })
    const file = { remote_folder: '/', remote_name: 'x.dump', archive_size: 2 * bytes, archive_mtime_ns: '1' }
    const { claim } = await claimSession(api.db, id, account, file)
    await startAttempt(api.db, { run_id: id, account_id: account, attempt: claim })
    const session = { run_id: id, account_id: account, claim }
    await saveProgress(api.db, session, { stored_bytes: bytes, sent_bytes: bytes })
    await sql`update attempts set started_at = now() - make_interval(secs => ${seconds}) where run_id = ${id}`.execute(
      api.db,
    )
    const run = (await getRun(api.db, id)) ?? assert.fail()
    const temporal = { ...api.temporal, pendingActivity: async () => null }
    const live = await withClockOff(HOUR_MS, () => liveProgress({ ...api, temporal }, [run]))
    const rate = live.get(id)?.destinations[account]?.bytes_per_second ?? 0
    assert.ok(rate > BYTES_PER_SECOND / 2 && rate <= BYTES_PER_SECOND, `${rate} bytes per second`)
  })

  it('the stream of Run History catches up by the clock of the database', async () => {
    const before = await databaseNow(api.db)
    const page = await withClockOff(DAY_MS, () => api.ask('GET', '/'))
    const since = /since=([^&"]+)/.exec(page.text)?.[1] ?? assert.fail(page.text)
    const readMs = Date.parse(decodeURIComponent(since))
    assert.ok(readMs >= before && readMs <= (await databaseNow(api.db)), `read at ${since}`)
  })

  it('the last day of the overview is that of the database', async () => {
    const now = new Date(await databaseNow(api.db)).toISOString()
    const run = await someRun(api.db)
    const copy = { status: 'uploaded', remote_id: 'f1', remote_path: '/x', size: 5, bytes_sent: 5 } as const
    const hash = { algorithm: 'md5', value: '0'.repeat(32) } as const
    await beginSync(api.db, run.id, { a1: pendingDestination({ ...copy, hash, finished_at: now }) })
    const page = await withClockOff(100 * DAY_MS, () => api.ask('GET', '/overview'))
    assert.ok(page.text.includes(`text-anchor="end">${now.slice(0, 10)}</text></svg>`), 'another day is last')
  })
})
