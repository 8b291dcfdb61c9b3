import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { beginSync } from '../../../db/runs/destinations.ts'
import { VaultError } from '../../../db/secrets/vault.ts'
import { startAttempt } from '../../../db/uploads/attempts.ts'
import { assertClaim, ClaimLost } from '../../../db/uploads/claims.ts'
import { saveProgress } from '../../../db/uploads/progress.ts'
import {
  claimSession,
  deleteSession,
  dropSession,
  getSession,
  openSession,
  restartSession,
  saveSession,
} from '../../../db/uploads/sessions.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { pendingDestination, someRun, testVault } from '../../support/rows.ts'
import { until } from '../../support/until.ts'

const target = {
  remote_folder: '/odoo-backups/acme',
  remote_name: 'a.dump',
  archive_size: 1000,
  archive_mtime_ns: '1763892000123456789',
}
const session = { created_at: '2026-11-23T10:00:00.000Z', upload_url: 'https://example.test/u?tempauth=abc' }

describe('upload sessions', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  const claimFor = async (runId: string, accountId = 'a1') => claimSession(test.db, runId, accountId, target)

  it('upload sessions come back as they were saved, and lie sealed in the database', async () => {
    const claim = await claimFor((await someRun(test.db)).id)
    assert.equal(openSession(testVault, claim), null)
    await saveSession(test.db, testVault, claim, session)
    const row = await claimFor(claim.run_id)
    assert.deepEqual(openSession(testVault, row), session)
    assert.equal(row.session_created_at, session.created_at)
    assert.doesNotMatch(JSON.stringify(row), /tempauth/)
  })

  it('upload sessions do not open in the row of another run or account', async () => {
    const one = await claimFor((await someRun(test.db)).id)
    await saveSession(test.db, testVault, one, session)
    const row = await claimFor(one.run_id)
    assert.throws(
      () => openSession(testVault, { ...row, account_id: 'a2' }),
      (error) => error instanceof VaultError && error.code === 'wrong_place',
    )
  })

  it('upload sessions belong to the newest claim: an older attempt can write nothing', async () => {
    const { id } = await someRun(test.db)
    const old = await claimFor(id)
    await saveSession(test.db, testVault, old, session)
    const current = await claimFor(id)
    assert.equal(current.claim, old.claim + 1)
    const progress = { stored_bytes: 10, sent_bytes: 10 }
    await assert.rejects(saveSession(test.db, testVault, old, session), ClaimLost)
    await assert.rejects(saveProgress(test.db, old, progress), ClaimLost)
    await assert.rejects(restartSession(test.db, old), ClaimLost)
    await assert.rejects(deleteSession(test.db, old), ClaimLost)
    await assert.rejects(assertClaim(test.db, old), ClaimLost)
    await assertClaim(test.db, current)
    const saved = await saveProgress(test.db, current, progress)
    assert.equal(saved.stored_bytes, 10)
    await deleteSession(test.db, current)
    assert.equal(await getSession(test.db, id, 'a1'), null)
  })

  it("a claim's number is never given twice, also after the session was deleted", async () => {
    const { id } = await someRun(test.db)
    for (const expected of [1, 2]) {
      const claim = await claimFor(id)
      assert.equal(claim.claim, expected)
      await startAttempt(test.db, { run_id: id, account_id: 'a1', attempt: claim.claim })
      await deleteSession(test.db, claim)
    }
    const third = await claimFor(id)
    await assert.rejects(
      saveProgress(test.db, { ...third, claim: 1 }, { stored_bytes: 1, sent_bytes: 1 }),
      ClaimLost,
    )
    assert.equal((await claimFor(id, 'a2')).claim, 1)
  })

  it('an upload session cannot be claimed while a transaction relies on its claim', async () => {
    const { id } = await someRun(test.db)
    const claim = await claimFor(id)
    const next: Promise<{ claim: number }>[] = []
    await test.db.transaction().execute(async (trx) => {
      await assertClaim(trx, claim)
      next.push(claimFor(id))
      await until('the next one waits', async () => {
        const { rows } = await sql`select 1 from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(test.db)
        return rows.length > 0 ? true : null
      })
      await assertClaim(trx, claim)
    })
    assert.equal((await next[0])?.claim, 2)
  })

  it('each of many attempts at once gets a claim of its own', async () => {
    const { id } = await someRun(test.db)
    const claims = await Promise.all(Array.from({ length: 8 }, () => claimFor(id)))
    assert.deepEqual(
      claims.map((row) => row.claim).sort((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8],
    )
  })

  it('the clock of progress moves only when the provider stores more than before', async () => {
    const { id } = await someRun(test.db)
    const claim = await claimFor(id)
    const setBack = sql`update upload_sessions set last_progress_at = '2026-01-01' where run_id = ${id}`
    await saveProgress(test.db, claim, { stored_bytes: 500, sent_bytes: 500 })
    await setBack.execute(test.db)
    const stalled = await saveProgress(test.db, claim, { stored_bytes: 500, sent_bytes: 900 })
    assert.equal(stalled.last_progress_at, '2026-01-01T00:00:00.000Z')
    assert.equal(stalled.sent_bytes, 900)
    const moved = await saveProgress(test.db, claim, { stored_bytes: 501, sent_bytes: 901 })
    assert.notEqual(moved.last_progress_at, stalled.last_progress_at)

    await setBack.execute(test.db)
    const restarted = await restartSession(test.db, claim)
    assert.equal(restarted.last_progress_at, stalled.last_progress_at, 'a restart is no progress')
    await beginSync(test.db, id, { a1: pendingDestination() })
    const again = await claimFor(id)
    assert.notEqual(again.last_progress_at, stalled.last_progress_at, 'a re-upload has its own 24 hours')
  })

  it('upload sessions keep their own target when claimed again, until they are dropped for another', async () => {
    const { id } = await someRun(test.db)
    const first = await claimFor(id)
    await saveSession(test.db, testVault, first, session)
    const changed = { ...target, archive_size: 2000, archive_mtime_ns: '1' }
    const claimed = await claimSession(test.db, id, 'a1', changed)
    assert.equal(claimed.archive_size, 1000)
    await dropSession(test.db, claimed, changed)
    const dropped = await getSession(test.db, id, 'a1')
    assert.deepEqual(
      [dropped?.archive_size, dropped?.sealed_session, dropped?.stored_bytes, dropped?.restarts],
      [2000, null, 0, 0],
    )
  })

  it('upload sessions cannot hold more bytes than the archive has', async () => {
    const claim = await claimFor((await someRun(test.db)).id)
    await assert.rejects(
      saveProgress(test.db, claim, { stored_bytes: 1001, sent_bytes: 1001 }),
      /check constraint/,
    )
  })
})
