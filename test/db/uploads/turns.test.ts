import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { DbConflict } from '../../../db/conflict.ts'
import { claimSession, deleteSession } from '../../../db/uploads/sessions.ts'
import { releaseOwnTurn, releaseTurn, takeTurn } from '../../../db/uploads/turns.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { someAccount, someRun } from '../../support/rows.ts'

describe('turns', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  const take = (accountId: string, runId: string, limit = 2) =>
    takeTurn(test.db, { accountId, runId, limit, leaseMs: 60_000 })

  it('turns never exceed the limit of an account, however many ask at once', async () => {
    const { id } = await someAccount(test.db)
    const answers = await Promise.all(Array.from({ length: 25 }, (_, index) => take(id, `run-${index}`, 3)))
    assert.equal(answers.filter(Boolean).length, 3)
  })

  it('turns of one account do not count for another', async () => {
    const [one, other] = [await someAccount(test.db), await someAccount(test.db)]
    assert.equal(await take(one.id, 'r1', 1), true)
    assert.equal(await take(other.id, 'r2', 1), true)
  })

  it('turns are renewed by their holder also when the limit was lowered', async () => {
    const { id } = await someAccount(test.db)
    assert.deepEqual([await take(id, 'r1'), await take(id, 'r2')], [true, true])
    assert.deepEqual([await take(id, 'r1', 1), await take(id, 'r3', 1)], [true, false])
  })

  it('turns are free again when released, or when the lease of a dead worker has ended', async () => {
    const { id } = await someAccount(test.db)
    await take(id, 'r1', 1)
    assert.equal(await take(id, 'r2', 1), false)
    await releaseTurn(test.db, id, 'r1')
    assert.equal(await take(id, 'r2', 1), true)
    await sql`update upload_slots set expires_at = now() - interval '1 second' where run_id = 'r2'`.execute(
      test.db,
    )
    assert.equal(await take(id, 'r3', 1), true)
  })

  it('turns are released by the attempt that holds the claim, and by no earlier one', async () => {
    const { id } = await someAccount(test.db)
    const run = await someRun(test.db)
    const target = { remote_folder: '/x', remote_name: 'x.zip', archive_size: 5, archive_mtime_ns: '1' }
    await take(id, run.id, 1)
    const lost = await claimSession(test.db, run.id, id, target)
    const current = await claimSession(test.db, run.id, id, target)
    await releaseOwnTurn(test.db, lost)
    assert.equal(await take(id, 'r2', 1), false)
    await releaseOwnTurn(test.db, current)
    assert.equal(await take(id, 'r2', 1), true)
    await releaseTurn(test.db, id, 'r2')
    await take(id, run.id, 1)
    await deleteSession(test.db, current)
    await releaseOwnTurn(test.db, current)
    assert.equal(await take(id, 'r2', 1), false, 'the next round of the upload has taken it')
  })

  it('turns of an account that is gone are refused', async () => {
    await assert.rejects(
      take('nobody', 'r1'),
      (error) => error instanceof DbConflict && error.kind === 'not_found',
    )
  })
})
