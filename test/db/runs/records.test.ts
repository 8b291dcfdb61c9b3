// Attempts, the ledger of uploaded files, users and their sessions.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { createUserSession, deleteUserSession, findSessionUser } from '../../../db/access/user-sessions.ts'
import { createUser, findUser, setPassword } from '../../../db/access/users.ts'
import { DbConflict } from '../../../db/conflict.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { finishAttempt, listAttempts, rateLimitHistory, startAttempt } from '../../../db/uploads/attempts.ts'
import { listAttemptProgress, saveProgress } from '../../../db/uploads/progress.ts'
import { claimSession } from '../../../db/uploads/sessions.ts'
import { markFileDeleted, ownRemoteIds, recordUploadedFile } from '../../../db/uploads/uploaded-files.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { listUploadedFiles, randomName, someRun } from '../../support/rows.ts'

describe('records', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  it('the attempt of a lost worker is closed when the next one starts', async () => {
    const run = await someRun(test.db)
    const error = { code: 'network_stalled', message: 'No bytes moved.', retryable: true }
    const lost = await startAttempt(test.db, { run_id: run.id, account_id: 'a1', attempt: 1 })
    const next = await startAttempt(test.db, { run_id: run.id, account_id: 'a1', attempt: 2 })
    const end = { bytes_sent: 10, from_offset: 5, error: null }
    await finishAttempt(test.db, next.id, { ...end, outcome: 'uploaded' })
    await finishAttempt(test.db, lost.id, { ...end, outcome: 'failed', error })
    const attempts = await listAttempts(test.db, run.id)
    assert.deepEqual(
      attempts.map((row) => [row.attempt, row.outcome, row.bytes_sent, row.from_offset, row.error]),
      [
        [1, 'retrying', 0, 0, null],
        [2, 'uploaded', 10, 5, null],
      ],
    )
  })

  it('the attempt of a lost worker keeps what it is known to have sent', async () => {
    const run = await someRun(test.db)
    const upload = { run_id: run.id, account_id: 'a1' }
    const target = { remote_folder: '/x', remote_name: 'x.zip', archive_size: 1000, archive_mtime_ns: '1' }
    const claim = await claimSession(test.db, run.id, 'a1', target)
    const first = await startAttempt(test.db, { ...upload, attempt: 1 })
    await finishAttempt(test.db, first.id, {
      ...{ outcome: 'retrying', bytes_sent: 300, from_offset: 0, error: null },
    })
    await startAttempt(test.db, { ...upload, attempt: 2 })
    await saveProgress(test.db, claim, { stored_bytes: 500, sent_bytes: 700 })
    assert.equal((await listAttemptProgress(test.db, [run.id]))[0]?.attempt_bytes, 400)
    await startAttempt(test.db, { ...upload, attempt: 3 })
    assert.equal((await listAttemptProgress(test.db, [run.id]))[0]?.attempt_bytes, 0)
    const attempts = await listAttempts(test.db, run.id)
    assert.deepEqual(
      attempts.map((row) => row.bytes_sent),
      [300, 400, 0],
    )
  })

  it('what an account sent within a day is the share of long attempts and what still runs', async () => {
    const run = await someRun(test.db)
    const account = randomName('a')
    const error = JSON.stringify({ code: 'rate_limited', message: 'x', retryable: true })
    const attempt = (began: string, ended: string, bytes: number) =>
      sql`insert into attempts (run_id, account_id, attempt, started_at, finished_at, outcome, bytes_sent, error)
        values (${run.id}, ${account}, 1, now() - ${began}::interval, now() - ${ended}::interval, 'retrying',
          ${bytes}, ${error})`.execute(test.db)
    const since = new Date((await databaseNow(test.db)) - 86_400_000).toISOString()
    await attempt('30 hours', '25 hours', 900e9)
    assert.deepEqual(await rateLimitHistory(test.db, account, since), {
      ...{ sent_bytes: 0, oldest_at: null, limited_since: null },
    })
    // 24 of its 25 hours lie within the day, less 20 minutes.
    await attempt('25 hours 20 minutes', '20 minutes', 750e9)
    await attempt('19 minutes', '18 minutes', 0)
    const long = await rateLimitHistory(test.db, account, since)
    assert.ok(Math.abs(long.sent_bytes - (750e9 * (24 - 1 / 3)) / 25) < 1e9, `${long.sent_bytes}`)
    assert.equal(long.oldest_at, since)
    const limitedMs = (await databaseNow(test.db)) - Date.parse(long.limited_since ?? '')
    assert.ok(Math.abs(limitedMs - 20 * 60_000) < 60_000, `${limitedMs}`)

    const target = { remote_folder: '/x', remote_name: 'x.zip', archive_size: 1e12, archive_mtime_ns: '1' }
    const claim = await claimSession(test.db, run.id, account, target)
    await startAttempt(test.db, { run_id: run.id, account_id: account, attempt: 2 })
    await saveProgress(test.db, claim, { stored_bytes: 0, sent_bytes: 5e9 })
    const running = await rateLimitHistory(test.db, account, since)
    assert.equal(Math.round((running.sent_bytes - long.sent_bytes) / 1e9), 5)
    assert.equal(running.limited_since, long.limited_since)
  })

  it('the ledger knows which files of a listing are ours and not deleted', async () => {
    const file = {
      account_id: 'a1',
      run_id: 'r1',
      remote_path: '/x/a.dump',
      size: 5,
      hash: { algorithm: 'md5', value: '00' },
      uploaded_at: '2026-11-23T10:00:00.000Z',
    } as const
    for (const remote_id of ['f1', 'f2', 'f1']) {
      await recordUploadedFile(test.db, { ...file, remote_id })
    }
    const gone = { account_id: 'a1', remote_id: 'f2', deleted_at: '2026-11-24T00:00:00Z' }
    assert.equal(await markFileDeleted(test.db, gone), true)
    assert.equal(await markFileDeleted(test.db, gone), false)
    assert.deepEqual(await ownRemoteIds(test.db, 'a1', ['f1', 'f2', 'foreign']), new Set(['f1']))
    assert.deepEqual(await ownRemoteIds(test.db, 'a2', ['f1']), new Set())
    assert.deepEqual(await ownRemoteIds(test.db, 'a1', []), new Set())
    assert.equal((await listUploadedFiles(test.db, 'r1')).length, 2)
  })

  it('a user comes in by a live session only, and by none after a new password', async () => {
    const user = await createUser(test.db, { username: 'admin', password_hash: 'hash' })
    await assert.rejects(
      createUser(test.db, { username: 'admin', password_hash: 'other' }),
      (error) => error instanceof DbConflict && error.kind === 'duplicate',
    )
    assert.equal((await findUser(test.db, 'admin'))?.id, user.id)
    const [live, over, ended] = ['live', 'over', 'ended'].map((token) =>
      createHash('sha256').update(token).digest('hex'),
    ) as [string, string, string]
    await createUserSession(test.db, {
      token_hash: over,
      user_id: user.id,
      expires_at: '2020-01-01T00:00:00Z',
    })
    for (const token_hash of [live, ended]) {
      await createUserSession(test.db, { token_hash, user_id: user.id, expires_at: '2099-01-01T00:00:00Z' })
    }
    await deleteUserSession(test.db, ended)
    assert.equal((await findSessionUser(test.db, live))?.username, 'admin')
    assert.equal(await findSessionUser(test.db, over), null)
    assert.equal(await findSessionUser(test.db, ended), null)
    assert.equal(await setPassword(test.db, user.id, 'new hash'), true)
    assert.equal(await findSessionUser(test.db, live), null)
  })
})
