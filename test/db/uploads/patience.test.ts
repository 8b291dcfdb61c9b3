// How long an upload is tried in vain: 24 hours of it end the upload. Outages on our side and pauses do not count.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { beginSync } from '../../../db/runs/destinations.ts'
import type { SessionClaim } from '../../../db/uploads/claims.ts'
import { type Progress, saveProgress } from '../../../db/uploads/progress.ts'
import { claimSession, restartSession } from '../../../db/uploads/sessions.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { pendingDestination, someRun } from '../../support/rows.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const target = { remote_folder: '/acme', remote_name: 'a.dump', archive_size: 1000, archive_mtime_ns: '1' }

describe('the time that an upload is tried in vain', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  const begin = async () => claimSession(test.db, (await someRun(test.db)).id, 'a1', target)
  const next = ({ run_id }: SessionClaim) => claimSession(test.db, run_id, 'a1', target)
  const save = (claim: SessionClaim, progress: Partial<Progress>) =>
    saveProgress(test.db, claim, { stored_bytes: null, sent_bytes: 0, ...progress })
  const rest = ({ run_id }: SessionClaim, interval: string) =>
    sql`update upload_sessions set tried_at = clock_timestamp() - ${interval}::interval where run_id = ${run_id}`.execute(
      test.db,
    )
  const isAbout = (ms: number, expected: number) =>
    assert.ok(ms >= expected && ms < expected + MINUTE, `${ms} ms, not ${expected}`)

  it('the time tried in vain is that of the attempts and of the short pauses between them', async () => {
    const first = await begin()
    await save(first, { tried_ms: 2 * MINUTE })
    await rest(first, '5 minutes')
    const second = await next(first)
    isAbout(second.fruitless_ms, 7 * MINUTE)
    isAbout((await save(second, { tried_ms: MINUTE })).fruitless_ms, 8 * MINUTE)
  })

  it('the time tried in vain leaves out outages, long pauses and the waiting for a turn', async () => {
    const first = await begin()
    await save(first, { tried_ms: MINUTE })
    await rest(first, '25 hours')
    const second = await next(first)
    assert.equal(second.fruitless_ms, MINUTE)
  })

  it('the time tried in vain ends with more bytes than ever before, not with those that were lost and came again', async () => {
    const claim = await begin()
    await save(claim, { stored_bytes: 100 })
    await save(claim, { stored_bytes: 96, tried_ms: HOUR })
    const again = await save(claim, { stored_bytes: 100, tried_ms: HOUR })
    assert.deepEqual([again.stored_bytes, again.fruitless_ms], [100, 2 * HOUR])
    const further = await save(claim, { stored_bytes: 101, tried_ms: HOUR })
    assert.deepEqual([further.fruitless_ms, further.furthest_bytes], [0, 101])
  })

  it('the time tried in vain leaves out what was sent last until the provider has been asked for it', async () => {
    const first = await begin()
    await save(first, { stored_bytes: 0, is_unsettled: true, tried_ms: 25 * HOUR })
    const second = await next(first)
    const unasked = await save(second, { tried_ms: MINUTE })
    assert.ok(unasked.fruitless_ms < 2 * MINUTE)
    const inVain = await save(second, { stored_bytes: 0, tried_ms: MINUTE })
    isAbout(inVain.fruitless_ms, 25 * HOUR + 2 * MINUTE)
    const arrived = await save(second, { stored_bytes: 500 })
    assert.deepEqual([arrived.fruitless_ms, arrived.unsettled_ms], [0, 0])
  })

  it('the time tried in vain goes on where the provider has forgotten the session, until the new one has a byte', async () => {
    const claim = await begin()
    await save(claim, { stored_bytes: 500 })
    await save(claim, { stored_bytes: 500, tried_ms: HOUR })
    await restartSession(test.db, claim)
    assert.equal((await save(claim, { stored_bytes: 0, tried_ms: HOUR })).fruitless_ms, 2 * HOUR)
    assert.equal((await save(claim, { stored_bytes: 1, tried_ms: HOUR })).fruitless_ms, 0)
  })

  it('the time tried in vain begins anew with a re-upload', async () => {
    const claim = await begin()
    await save(claim, { stored_bytes: 0, tried_ms: 23 * HOUR })
    await beginSync(test.db, claim.run_id, { a1: pendingDestination() })
    assert.equal((await next(claim)).fruitless_ms, 0)
  })

  it('saving the time tried in vain changes nothing of what an attempt does not know', async () => {
    const first = await begin()
    await save(first, { stored_bytes: 600 })
    const second = await save(await next(first), { sent_bytes: 600 })
    assert.deepEqual([second.stored_bytes, second.furthest_bytes], [600, 600])
  })
})
