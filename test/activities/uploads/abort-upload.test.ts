// What a cancelled upload has left, as abortUpload finds it after a worker was lost, without the archive, and when there is
// nothing to look for. The provider is one in memory; database, archive and activities are real.

import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, beforeEach, describe, it } from 'node:test'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { createActivities } from '../../../activities/index.ts'
import { keptForm, readKept } from '../../../activities/uploads/kept-session.ts'
import type { UploadInput } from '../../../activities/uploads/uploaded-copy.ts'
import { listAttempts, startAttempt } from '../../../db/uploads/attempts.ts'
import { getSession, openSession, resendSession } from '../../../db/uploads/sessions.ts'
import { createTestDeps, type TestDeps } from '../../support/activity-deps.ts'
import { testVault } from '../../support/rows.ts'
import { createMemoryProvider, type MemoryProvider } from '../../support/uploads/memory-provider.ts'
import { recordedUpload } from '../../support/uploads/recorded-upload.ts'

const SIZE = 3_000_000
const quiet = new DefaultLogger('ERROR')

function run<Input, Output>(activity: (input: Input) => Promise<Output>, input: Input): Promise<Output> {
  const environment = new MockActivityEnvironment(undefined, { logger: quiet })
  return environment.run<[Input], Output, typeof activity>(activity, input)
}

describe('what a cancelled upload has left', () => {
  let deps: TestDeps
  let memory: MemoryProvider
  let activities: ReturnType<typeof createActivities>
  const accounts = { open: async (id: string) => ({ id, name: id, provider: memory }) }
  before(async () => {
    deps = await createTestDeps()
    activities = createActivities({ ...deps, accounts })
  })
  beforeEach(() => {
    memory = createMemoryProvider()
  })
  after(() => deps.close())

  const aRun = () => recordedUpload(deps, SIZE)
  const upload = (input: UploadInput) => run(activities.uploadArchive, input)
  const abort = ({ run_id, account_id }: UploadInput) => run(activities.abortUpload, { run_id, account_id })
  /** As a worker leaves it that was killed after its last byte: its attempt open, its hash not kept. */
  async function lose(input: UploadInput): Promise<void> {
    const { run_id, account_id } = input
    await startAttempt(deps.db, { run_id, account_id, attempt: 2 })
    await deps.db
      .updateTable('upload_sessions')
      .set({ archive_hash: null, sent_bytes: 0 })
      .where('run_id', '=', run_id)
      .execute()
  }
  /** The archive is not to be read any more. */
  async function removeLink({ run_id }: UploadInput): Promise<void> {
    const { pin_path } = await deps.db
      .selectFrom('runs')
      .select('pin_path')
      .where('id', '=', run_id)
      .executeTakeFirstOrThrow()
    await rm(pin_path ?? '')
  }

  it('is a whole copy where the worker was lost, and its attempt is closed', async () => {
    const input = await aRun()
    const copy = await upload(input)
    await lose(input)
    const left = await abort(input)
    assert.ok(left.left === 'copy')
    assert.deepEqual(
      [left.copy.remote_id, left.copy.hash, left.copy.already_present],
      [copy.remote_id, copy.hash, false],
    )
    const outcomes = (await listAttempts(deps.db, input.run_id)).map(({ outcome }) => outcome)
    assert.deepEqual(outcomes, ['uploaded', 'cancelled'])
  })

  it('is waited for after a lost worker, however little of it is known to have left', async () => {
    const input = await aRun()
    const copy = await upload(input)
    await lose(input)
    const { querySession } = memory
    memory.querySession = async () => {
      memory.querySession = querySession
      return { kind: 'open', offset: 0 }
    }
    const left = await abort(input)
    assert.equal(left.left === 'copy' && left.copy.remote_id, copy.remote_id)
  })

  it('is looked for once more after its session was given up', async () => {
    const input = await aRun()
    const copy = await upload(input)
    const { querySession } = memory
    memory.querySession = async () => ({ kind: 'open', offset: 0 })
    memory.abortSession = async () => {
      memory.querySession = querySession
    }
    const patience = { ...deps.patience, cutRequestMs: 0 }
    const { abortUpload } = createActivities({ ...deps, accounts, patience })
    const left = await run(abortUpload, input)
    assert.equal(left.left === 'copy' && left.copy.remote_id, copy.remote_id)
  })

  it('needs no archive where the upload has read all of it', async () => {
    const input = await aRun()
    const copy = await upload(input)
    await removeLink(input)
    const left = await abort(input)
    assert.deepEqual(left.left === 'copy' && left.copy.hash, copy.hash)
  })

  it('is for another worker to say where this one cannot read the archive', async () => {
    const input = await aRun()
    await upload(input)
    await lose(input)
    await removeLink(input)
    assert.deepEqual(await abort(input), { left: 'unread' })
  })

  it('is nothing, and costs no look, where no session was opened', async () => {
    const input = await aRun()
    await activities.awaitTurn(input)
    assert.deepEqual(await abort(input), { left: 'nothing' })
    assert.equal(memory.calls.query, 0)
    const slots = await deps.db
      .selectFrom('upload_slots')
      .selectAll()
      .where('run_id', '=', input.run_id)
      .execute()
    assert.deepEqual(slots, [])
  })

  it('was a vanished copy that shows up late: the next round sends nothing and knows it', async () => {
    const input = await aRun()
    const copy = await upload(input)
    const row = (await getSession(deps.db, input.run_id, input.account_id)) ?? assert.fail()
    const stored = openSession(testVault, row) ?? assert.fail()
    const session = keptForm({ ...readKept(stored), vanished: copy.remote_id })
    await resendSession(deps.db, testVault, row, session)
    const sends = memory.calls.send
    const again = await upload(input)
    assert.deepEqual([again.remote_id, again.already_present], [copy.remote_id, false])
    assert.equal(memory.calls.send, sends)
  })
})
