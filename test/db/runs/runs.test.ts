import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { DbConflict } from '../../../db/conflict.ts'
import { beginSync, saveDestination, saveOpenDestination } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { listRuns } from '../../../db/runs/history.ts'
import { keepPinUntil, releasePin } from '../../../db/runs/kept-archives.ts'
import { getRun, recordRun } from '../../../db/runs/runs.ts'
import { ClaimLost } from '../../../db/uploads/claims.ts'
import { claimSession } from '../../../db/uploads/sessions.ts'
import type { CloudSyncStatus } from '../../../workflows/types.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { pendingDestination, randomName, saveArchive, someInstance, someRun } from '../../support/rows.ts'

const quotaError = { code: 'storage_quota_exceeded', message: 'The account is full.', retryable: false }
const hash = { algorithm: 'dropbox_content_hash', value: 'ab'.repeat(32) } as const

describe('runs', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  const conflict = (kind: string, field: string) => (error: unknown) =>
    error instanceof DbConflict && error.kind === kind && error.field === field

  /** The status on the run, and the one that the destinations' rows say. */
  async function bothStatuses(runId: string): Promise<[CloudSyncStatus | undefined, unknown]> {
    const run = await getRun(test.db, runId)
    const { rows } = await sql<{ account_id: string; state: unknown }>`
      select account_id, to_jsonb(destinations) - 'run_id' - 'account_id' - 'updated_at' - 'run_created_at'
        - 'instance_slug' as state
      from destinations where run_id = ${runId}`.execute(test.db)
    return [run?.cloud_sync_status, Object.fromEntries(rows.map((row) => [row.account_id, row.state]))]
  }

  it('a run is recorded once however often it is asked for', async () => {
    const instance = await someInstance(test.db)
    const values = {
      id: randomName('run'),
      instance_slug: instance.slug,
      archive: 'a.dump',
      workflow_id: 'w',
    }
    const answers = await Promise.all(Array.from({ length: 6 }, () => recordRun(test.db, values)))
    assert.equal(answers.filter((answer) => answer.created).length, 1)
    assert.equal(new Set(answers.map((answer) => JSON.stringify(answer.run))).size, 1)
  })

  it('a run_id that belongs to another archive or instance is refused', async () => {
    const run = await someRun(test.db)
    const other = await someInstance(test.db)
    const same = { id: run.id, workflow_id: 'w' }
    await assert.rejects(
      recordRun(test.db, { ...same, instance_slug: run.instance_slug, archive: 'other.dump' }),
      conflict('run_id_conflict', 'run_id'),
    )
    await assert.rejects(
      recordRun(test.db, { ...same, instance_slug: other.slug, archive: run.archive }),
      conflict('run_id_conflict', 'run_id'),
    )
  })

  it('an unknown instance and an ID that would not fit a workflow ID are refused', async () => {
    await assert.rejects(
      recordRun(test.db, { id: 'r', instance_slug: 'nobody', archive: 'a.dump', workflow_id: 'w' }),
      conflict('not_found', 'instance'),
    )
    await assert.rejects(someRun(test.db, 'has/slash'), /runs_id_check/)
  })

  it('the limit of a run to some accounts is kept as a list', async () => {
    const instance = await someInstance(test.db)
    const { run } = await recordRun(test.db, {
      id: randomName('run'),
      instance_slug: instance.slug,
      archive: 'a.dump',
      workflow_id: 'w',
      account_ids: ['one', 'two'],
      finished_at: '2026-11-23T01:02:03Z',
    })
    assert.deepEqual(run.account_ids, ['one', 'two'])
    assert.equal(run.finished_at, '2026-11-23T01:02:03.000Z')
  })

  it('a run shows the same status as its destinations, whoever writes at the same time', async () => {
    const run = await someRun(test.db)
    const accounts = ['a1', 'a2', 'a3']
    await beginSync(test.db, run.id, Object.fromEntries(accounts.map((id) => [id, pendingDestination()])))
    await Promise.all(
      accounts.flatMap((id) =>
        [1, 2, 3, 4].map((step) =>
          saveDestination(test.db, run.id, id, {
            status: 'uploading',
            bytes_sent: step * 1000,
            attempt: step,
          }),
        ),
      ),
    )
    await saveDestination(test.db, run.id, 'a1', {
      status: 'uploaded',
      remote_id: 'id:1',
      remote_path: '/odoo-backups/acme/a.dump',
      size: 4000,
      bytes_sent: 4000,
      hash,
      finished_at: '2026-11-23T10:00:00.000Z',
      retention: { keep_last: 2, deleted: ['old.dump'], kept: 2, skipped: null, error: null },
    })
    const status = await saveDestination(test.db, run.id, 'a2', { status: 'failed', error: quotaError })
    const [onRun, inRows] = await bothStatuses(run.id)
    assert.deepEqual(onRun, status)
    assert.equal(status.a1?.finished_at, '2026-11-23T10:00:00.000Z')
    assert.deepEqual(normalTimes(inRows), normalTimes(onRun))
  })

  it('the destinations of earlier syncs are kept when a re-upload begins with one of them', async () => {
    const run = await someRun(test.db)
    await beginSync(test.db, run.id, { a1: pendingDestination(), a2: pendingDestination() })
    await saveDestination(test.db, run.id, 'a1', { status: 'cancelled' })
    await saveDestination(test.db, run.id, 'a2', { status: 'failed', error: quotaError })
    await finishSync(test.db, run.id, 'failed', quotaError)
    const again = await beginSync(test.db, run.id, { a2: pendingDestination({ attempt: 1 }) })
    assert.equal(again.cloud_sync_status.a1?.status, 'cancelled')
    assert.equal(again.cloud_sync_status.a2?.error, null)
    assert.deepEqual([again.cloud_status, again.error, again.sync_finished_at], ['pending', null, null])
  })

  it('a destination cannot be uploaded without a proof, nor failed without a reason', async () => {
    const run = await someRun(test.db)
    await beginSync(test.db, run.id, { a1: pendingDestination() })
    const proven = {
      status: 'uploaded',
      remote_id: 'id:1',
      remote_path: '/x',
      size: 1,
      hash,
      finished_at: '2026-11-23T10:00:00Z',
    } as const
    for (const missing of ['remote_id', 'remote_path', 'size', 'hash', 'finished_at'] as const) {
      await assert.rejects(
        saveDestination(test.db, run.id, 'a1', { ...proven, [missing]: null }),
        /destinations_uploaded_is_proven/,
      )
    }
    await assert.rejects(
      saveDestination(test.db, run.id, 'a1', { ...proven, error: quotaError }),
      /destinations_uploaded_is_proven/,
    )
    await assert.rejects(
      saveDestination(test.db, run.id, 'a1', { status: 'failed' }),
      /destinations_failed_says_why/,
    )
    const [onRun] = await bothStatuses(run.id)
    assert.equal(onRun?.a1?.status, 'pending')
  })

  it('a destination or run that does not exist is refused', async () => {
    const run = await someRun(test.db)
    await assert.rejects(saveDestination(test.db, run.id, 'a1', {}), conflict('not_found', 'destination'))
    await assert.rejects(saveDestination(test.db, 'none', 'a1', {}), conflict('not_found', 'run_id'))
    await assert.rejects(finishSync(test.db, 'none', 'none'), conflict('not_found', 'run_id'))
  })

  it('pages of runs repeat and lose none while others arrive', async () => {
    const instance = await someInstance(test.db)
    const record = (id: string) =>
      recordRun(test.db, { id, instance_slug: instance.slug, archive: `${id}.dump`, workflow_id: 'w' })
    for (let index = 0; index < 7; index += 1) {
      await record(`${instance.slug}-${index}`)
    }
    // all at one time: the ID decides
    await sql`update runs set created_at = '2026-01-01T00:00:00.123Z' where instance_slug = ${instance.slug}`.execute(
      test.db,
    )
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await listRuns(test.db, { instance: instance.slug, status: 'pending', limit: 3, cursor })
      seen.push(...page.items.map((run) => run.id))
      cursor = page.next_cursor ?? undefined
      await record(`${instance.slug}-new-${seen.length}`)
    } while (cursor !== undefined)
    assert.deepEqual(
      seen,
      [6, 5, 4, 3, 2, 1, 0].map((index) => `${instance.slug}-${index}`),
    )
  })

  it('a settled destination is kept from late attempts until the next sync begins', async () => {
    const run = await someRun(test.db)
    await beginSync(test.db, run.id, { a1: pendingDestination() })
    const target = { remote_folder: '/x', remote_name: 'x.zip', archive_size: 5, archive_mtime_ns: '1' }
    const lost = await claimSession(test.db, run.id, 'a1', target)
    const claim = await claimSession(test.db, run.id, 'a1', target)
    await assert.rejects(saveOpenDestination(test.db, lost, { bytes_sent: 1 }), ClaimLost)
    await saveOpenDestination(test.db, claim, { status: 'uploading', bytes_sent: 5 })
    await saveDestination(test.db, run.id, 'a1', {
      ...{ status: 'failed', error: quotaError, finished_at: '2026-11-23T10:00:00Z' },
    })
    const settled = (await getRun(test.db, run.id))?.cloud_sync_status
    await assert.rejects(saveOpenDestination(test.db, claim, { bytes_sent: 4 }), ClaimLost)
    const waiting = { run_id: run.id, account_id: 'a1' }
    await assert.rejects(saveOpenDestination(test.db, waiting, { error: null }), ClaimLost)
    for (const status of ['uploading', 'retrying'] as const)
      await assert.rejects(saveDestination(test.db, run.id, 'a1', { status }), ClaimLost)
    assert.deepEqual((await getRun(test.db, run.id))?.cloud_sync_status, settled)
    await beginSync(test.db, run.id, { a1: pendingDestination() })
    const status = await saveOpenDestination(test.db, claim, { status: 'uploading' })
    assert.equal(status.a1?.status, 'uploading')
  })

  it('a cursor that no list gave out is refused', async () => {
    for (const cursor of ['', 'x', Buffer.from('["a","b"]').toString('base64url')]) {
      await assert.rejects(listRuns(test.db, { limit: 5, cursor }), conflict('invalid', 'cursor'))
    }
  })

  it('the pin of a settled run only can be released', async () => {
    const run = await someRun(test.db)
    const pinned = await saveArchive(test.db, run.id, {
      size: 5,
      archive_path: '/backups/a.dump',
      archive_mtime_ns: '1763892000123456789',
      pin: 'linked',
      pin_path: '/backups/.cloud-sync/r/a.dump',
    })
    assert.equal(pinned.archive_mtime_ns, '1763892000123456789')
    await keepPinUntil(test.db, run.id, '2026-11-30T00:00:00Z')
    assert.equal(await releasePin(test.db, run.id), false, 'it is still being synced')
    await finishSync(test.db, run.id, 'failed', quotaError)
    assert.equal(await releasePin(test.db, run.id), true)
    assert.equal(await releasePin(test.db, run.id), false)
  })
})

/** PostgreSQL's own JSON writes times in its own way: they are compared as times. */
function normalTimes(status: unknown): unknown {
  return JSON.parse(JSON.stringify(status), (key, value) =>
    key.endsWith('_at') && value !== null ? new Date(value).toISOString() : value,
  )
}
