// The filters of the history: the query and matchesRun agree, and pages lead both ways.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { beginSync, saveDestination } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { listNewerRuns, listRuns, matchesRun, type RunFilter, runCursorOf } from '../../../db/runs/history.ts'
import { recordRun } from '../../../db/runs/runs.ts'
import { listDeletedCopies } from '../../../db/uploads/deleted-copies.ts'
import { markFileDeleted, recordUploadedFile } from '../../../db/uploads/uploaded-files.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { pendingDestination, randomName, someInstance, someRun } from '../../support/rows.ts'

const FULL = { code: 'folder_full', message: 'The folder is full.', retryable: false }
const AT = '2026-11-23T10:00:00.000Z'

describe('the history of runs', () => {
  let test: TestDatabase
  let slug: string
  before(async () => {
    test = await createTestDatabase()
    slug = (await someInstance(test.db)).slug
    await runOf('open-one', AT, null, false)
    await runOf('open-two', '2026-11-23T11:00:00.000Z', null, true)
    await runOf('failed-one', '2026-11-23T12:00:00.000Z', 'failed', true)
    await runOf('uploaded-one', '2026-11-23T13:00:00.000Z', 'uploaded', false)
    await someRun(test.db)
  })
  after(() => test.close())

  async function runOf(
    name: string,
    created_at: string,
    status: 'failed' | 'uploaded' | null,
    hasFailure: boolean,
  ): Promise<void> {
    const id = `${slug}-${name}`
    await recordRun(test.db, {
      id,
      instance_slug: slug,
      archive: `${slug}/Nightly 50%_${name}.dump`,
      workflow_id: 'w',
    })
    await beginSync(test.db, id, { one: pendingDestination(), two: pendingDestination() })
    if (hasFailure) {
      await saveDestination(test.db, id, 'one', { status: 'failed', error: FULL, finished_at: AT })
    }
    if (status !== null) await finishSync(test.db, id, status)
    await test.db.updateTable('runs').set({ created_at }).where('id', '=', id).execute()
    await test.db
      .updateTable('destinations')
      .set({ run_created_at: created_at })
      .where('run_id', '=', id)
      .execute()
  }

  it('matchesRun says of a single run what the query finds', async () => {
    const all = (await listRuns(test.db, { limit: 100 })).items
    const failed = { status: 'failed', with_open_failures: true } as const
    const filters: readonly (RunFilter & { readonly finds: number })[] = [
      { finds: 5 },
      { instance: slug, finds: 4 },
      { instance: slug, status: 'failed', finds: 1 },
      { instance: slug, ...failed, finds: 2 },
      { instance: slug, ...failed, account_id: 'one', finds: 2 },
      { instance: slug, status: 'pending', with_open_failures: true, finds: 2 },
      { account_id: 'two', finds: 4 },
      { account_id: 'nobody', finds: 0 },
      { instance: slug, search: 'NIGHTLY one', finds: 3 },
      { instance: slug, search: '50%_ open  two', finds: 1 },
      { instance: slug, search: '50_', finds: 0 },
      { instance: slug, from: AT, to: '2026-11-23T12:00:00.000Z', finds: 2 },
      { instance: slug, ...failed, from: '2026-11-23T12:30:00.000+01:00', finds: 1 },
    ]
    for (const { finds, ...filter } of filters) {
      const found = (await listRuns(test.db, { ...filter, limit: 100 })).items.map(({ id }) => id)
      assert.deepEqual(
        found,
        all.filter((run) => matchesRun(run, filter)).map(({ id }) => id),
        JSON.stringify(filter),
      )
      assert.equal(found.length, finds, JSON.stringify(filter))
    }
  })

  it('pages of open and settled failures together repeat and lose none', async () => {
    const filter = { instance: slug, status: 'failed', with_open_failures: true, limit: 1 } as const
    const first = await listRuns(test.db, filter)
    const second = await listRuns(test.db, { ...filter, cursor: first.next_cursor ?? '' })
    assert.deepEqual(
      [...first.items, ...second.items].map(({ id }) => id),
      [`${slug}-failed-one`, `${slug}-open-two`],
    )
    assert.equal(second.next_cursor, null)
  })

  it('a page of the history leads back to the one before, and says when that is the first', async () => {
    const filter = { instance: slug, limit: 2 }
    const first = await listRuns(test.db, filter)
    const second = await listRuns(test.db, { ...filter, cursor: first.next_cursor ?? '' })
    const [oldest] = second.items.slice(-1)
    assert.ok(oldest !== undefined)
    const before = await listNewerRuns(test.db, { ...filter, cursor: runCursorOf(oldest) })
    assert.deepEqual(
      before?.items.map(({ id }) => id),
      [`${slug}-failed-one`, `${slug}-open-two`],
    )
    const next = await listRuns(test.db, { ...filter, cursor: before?.next_cursor ?? '' })
    assert.deepEqual(
      next.items.map(({ id }) => id),
      [oldest.id],
    )
    const [newest] = first.items
    assert.ok(newest !== undefined)
    assert.equal(await listNewerRuns(test.db, { ...filter, cursor: runCursorOf(newest) }), null)
    await assert.rejects(listNewerRuns(test.db, { ...filter, cursor: 'x' }), /cursor/)
  })

  it('the deleted copies of runs are known', async () => {
    const { id } = await someRun(test.db)
    for (const remote_id of [randomName('kept'), 'gone']) {
      await recordUploadedFile(test.db, {
        account_id: 'one',
        remote_id,
        run_id: id,
        remote_path: '/x.dump',
        size: 1,
        hash: { algorithm: 'md5', value: 'x' },
        uploaded_at: AT,
      })
    }
    assert.deepEqual(await listDeletedCopies(test.db, [id]), [])
    await markFileDeleted(test.db, { account_id: 'one', remote_id: 'gone', deleted_at: AT })
    assert.deepEqual(await listDeletedCopies(test.db, [id]), [
      { run_id: id, account_id: 'one', remote_id: 'gone', deleted_at: AT },
    ])
    assert.deepEqual(await listDeletedCopies(test.db, []), [])
  })
})
