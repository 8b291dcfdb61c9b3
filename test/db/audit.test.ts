// Rule 7: the audit only grows.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { appendAudit } from '../../db/audit.ts'
import { listAudit } from '../../db/views/audit.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

describe('the audit trail', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
    await appendAudit(test.db, { actor: 'user:admin', event: 'account_created', account_id: 'a1' })
  })
  after(() => test.close())

  for (const statement of [
    "update audit_log set actor = 'nobody'",
    'update audit_log set actor = actor where false',
    'delete from audit_log',
    'truncate audit_log',
    'truncate audit_log cascade',
  ]) {
    it(`the audit trail refuses: ${statement}`, async () => {
      await assert.rejects(sql.raw(statement).execute(test.db), /audit_log only grows/)
    })
  }

  it('the audit trail refuses a deletion also in a session that switches triggers off', async () => {
    await assert.rejects(
      test.db.transaction().execute(async (trx) => {
        await sql`set local session_replication_role = replica`.execute(trx)
        await sql`delete from audit_log`.execute(trx)
      }),
      /audit_log only grows/,
    )
    assert.equal((await listAudit(test.db, { limit: 10 })).items.length, 1)
  })

  it('the audit trail is listed newest first, by page and by what it is about', async () => {
    for (let index = 0; index < 5; index += 1) {
      await appendAudit(test.db, {
        actor: 'workflow',
        event: index % 2 === 0 ? 'file_deleted' : 'prune_planned',
        run_id: 'r1',
        details: { index },
      })
    }
    const first = await listAudit(test.db, { run_id: 'r1', limit: 3 })
    await appendAudit(test.db, { actor: 'workflow', event: 'sync_finished', run_id: 'r1' })
    const second = await listAudit(test.db, { run_id: 'r1', limit: 3, cursor: first.next_cursor ?? '' })
    assert.deepEqual(
      [...first.items, ...second.items].map((entry) => entry.details.index),
      [4, 3, 2, 1, 0],
    )
    assert.equal(second.next_cursor, null)
    const deleted = await listAudit(test.db, { event: 'file_deleted', actor: 'workflow', limit: 50 })
    assert.equal(deleted.items.length, 3)
  })
})
