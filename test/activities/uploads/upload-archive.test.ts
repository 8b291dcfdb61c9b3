// One attempt of an upload beside others, and what a failed one leaves: claims, places, patience, deleted bindings, changed
// accounts. The provider is one in memory; database, archive and activities are real.

import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { ApplicationFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { sql } from 'kysely'
import { createProviderAccounts } from '../../../activities/accounts/open-account.ts'
import { createActivities } from '../../../activities/index.ts'
import { type Provider, ProviderError } from '../../../activities/providers/provider.ts'
import { startProgress, type UploadProgress } from '../../../activities/uploads/progress.ts'
import type { UploadedCopy, UploadInput } from '../../../activities/uploads/uploaded-copy.ts'
import { type Heartbeats, startHeartbeats } from '../../../activities/worker/heartbeats.ts'
import { deleteAccount, updateAccount } from '../../../db/accounts/accounts.ts'
import { deleteBinding, updateBinding } from '../../../db/instances/bindings.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { getRun } from '../../../db/runs/runs.ts'
import { listAttempts } from '../../../db/uploads/attempts.ts'
import { saveProgress } from '../../../db/uploads/progress.ts'
import { claimSession, getSession } from '../../../db/uploads/sessions.ts'
import { createTestDeps, type TestDeps } from '../../support/activity-deps.ts'
import { pendingDestination, someRun, testVault } from '../../support/rows.ts'
import { until } from '../../support/until.ts'
import { createMemoryProvider, type MemoryProvider } from '../../support/uploads/memory-provider.ts'
import { recordedUpload } from '../../support/uploads/recorded-upload.ts'

const SIZE = 3_000_000
/** Failed attempts are what is asked for here. */
const quiet = new DefaultLogger('ERROR')

describe('an attempt of an upload', () => {
  let deps: TestDeps
  let memory: MemoryProvider
  /** What the memory is said to be able to, in the next account that opens. */
  let limits: Partial<Provider['limits']>
  let activities: ReturnType<typeof createActivities>
  before(async () => {
    const base = await createTestDeps()
    const accounts = createProviderAccounts({
      ...base,
      http: { request: unused, fetch: unused, close: unused },
      createProvider: () => ({
        ...memory,
        limits: { ...memory.limits, ...limits },
        // Also as a test changes them after the account was opened.
        send: (...args) => memory.send(...args),
        ensureFolder: (...args) => memory.ensureFolder(...args),
      }),
    })
    deps = { ...base, accounts }
    activities = createActivities(deps)
  })
  beforeEach(() => {
    memory = createMemoryProvider()
    limits = {}
  })
  after(() => deps.close())

  const aRun = () => recordedUpload(deps, SIZE)
  const upload = (input: UploadInput): Promise<UploadedCopy> =>
    new MockActivityEnvironment(undefined, { logger: quiet }).run(activities.uploadArchive, input)
  const failureOf = (work: Promise<unknown>): Promise<ApplicationFailure> =>
    work.then(
      () => assert.fail('it did not fail'),
      (failure: ApplicationFailure) => failure,
    )
  const verify = ({ folder: _, ...about }: UploadInput, copy: UploadedCopy) =>
    new MockActivityEnvironment(undefined, { logger: quiet }).run(activities.verifyUpload, { ...about, copy })
  const stateOf = async ({ run_id, account_id }: UploadInput) =>
    (await getRun(deps.db, run_id))?.cloud_sync_status[account_id] ?? assert.fail()
  const slotsOf = async ({ run_id }: UploadInput) =>
    (await deps.db.selectFrom('upload_slots').selectAll().where('run_id', '=', run_id).execute()).length

  /** The next `send` does not come back before it is told to end; it has sent nothing. */
  function hangOnce(): { readonly reached: Promise<void> } {
    const { send } = memory
    const reached = new Promise<void>((resolve) => {
      memory.send = (_target, _session, _source, _offset, { signal }) => {
        memory.send = send
        resolve()
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        )
      }
    })
    return { reached }
  }

  it('that was taken over ends without a word, and leaves the place to its successor', async () => {
    const input = await aRun()
    const hung = hangOnce()
    const first = failureOf(upload(input))
    await hung.reached
    const { send } = memory
    const released = Promise.withResolvers<void>()
    memory.send = async (...about) => {
      await released.promise
      return send(...about)
    }
    const second = upload(input)
    const lost = await first
    assert.deepEqual([lost.type, lost.nonRetryable], ['claim_lost', false])
    assert.equal(lost.message, 'Another attempt has taken this upload over. Wait; the newer attempt goes on.')
    const state = await stateOf(input)
    assert.deepEqual([state.status, state.error, state.attempt], ['uploading', null, 2])
    assert.equal(await slotsOf(input), 1)
    released.resolve()
    assert.equal((await second).attempt, 2)
    assert.equal(await slotsOf(input), 0)
  })

  it('that wakes up after its successor was proven changes nothing', async () => {
    const input = await aRun()
    const hung = hangOnce()
    const first = failureOf(upload(input))
    await hung.reached
    await verify(input, await upload(input))
    const proven = await stateOf(input)
    assert.equal((await first).type, 'claim_lost')
    assert.deepEqual(await stateOf(input), proven)
    assert.equal((await activities.finishRun({ run_id: input.run_id })).status, 'uploaded')
  })

  it('names the copy after the archive, whatever name its link has', async () => {
    const input = await aRun()
    const linked = (await getRun(deps.db, input.run_id))?.pin_path ?? assert.fail()
    const marked = join(dirname(linked), `0123abcd-${basename(linked)}`)
    await rename(linked, marked)
    await deps.db.updateTable('runs').set({ pin_path: marked }).where('id', '=', input.run_id).execute()
    assert.equal(basename((await upload(input)).remote_path), `${input.run_id}.zip`)
  })

  it('of a re-upload has a number of its own, although the earlier ones are forgotten', async () => {
    const input = await aRun()
    await verify(input, await upload(input))
    await beginSync(deps.db, input.run_id, { [input.account_id]: pendingDestination() })
    assert.equal((await upload(input)).attempt, 2)
  })

  it('of a binding that was deleted before its first byte gives its place back', async () => {
    const input = await aRun()
    await activities.awaitTurn(input)
    await deleteBinding(deps.db, input.binding_id)
    assert.equal((await failureOf(upload(input))).type, 'binding_deleted')
    assert.equal(await slotsOf(input), 0)
  })

  it('that fails for good before the first byte gives its place back', async () => {
    const input = await aRun()
    await activities.awaitTurn(input)
    limits = { maxFileBytes: SIZE - 1 }
    const failure = await failureOf(upload(input))
    assert.deepEqual([failure.type, failure.nonRetryable], ['archive_too_large', true])
    assert.equal(await slotsOf(input), 0)
  })

  it('has all its patience left after a day without power', async () => {
    const input = await aRun()
    memory.breaks.push({ stored: 600_000, lost: 0 }, ...Array(3).fill({ stored: 0, lost: 0 }))
    assert.equal((await failureOf(upload(input))).type, 'network_unreachable')
    await longAgo(input, '25 hours')
    memory.ensureFolder = async () => {
      throw new ProviderError('network_unreachable', 'the name is not known to DNS')
    }
    const hiccup = await failureOf(upload(input))
    assert.deepEqual([hiccup.type, hiccup.nonRetryable], ['network_unreachable', false])
    assert.equal((await stateOf(input)).status, 'retrying')
  })

  it('is the last after 24 hours of trying without a byte', async () => {
    const input = await aRun()
    memory.ensureFolder = async () => {
      throw new ProviderError('network_unreachable', 'the name is not known to DNS')
    }
    await failureOf(upload(input))
    await sql`update upload_sessions set fruitless_ms = 86400000, tried_at = tried_at - interval '5 minutes'
      where run_id = ${input.run_id}`.execute(deps.db)
    const last = await failureOf(upload(input))
    assert.deepEqual([last.type, last.nonRetryable], ['no_progress', true])
    assert.match(last.message, /No byte arrived in 24 hours of trying/)
  })

  /** As if all that happened so far had happened then. */
  async function longAgo({ run_id }: UploadInput, interval: string) {
    const then = sql`now() - ${interval}::interval`
    await sql`update upload_sessions set last_progress_at = ${then}, tried_at = ${then} where run_id = ${run_id}`.execute(
      deps.db,
    )
    await sql`update attempts set started_at = ${then}, finished_at = ${then} where run_id = ${run_id}`.execute(
      deps.db,
    )
  }

  it('whose worker was killed is closed with the bytes and the time of its last save', async () => {
    const input = await aRun()
    await upload(input)
    const { run_id, account_id } = input
    await sql`update attempts set outcome = null, finished_at = null, bytes_sent = 0,
      started_at = now() - interval '2 hours' where run_id = ${run_id}`.execute(deps.db)
    await sql`update upload_sessions set created_at = now() - interval '2 hours' where run_id = ${run_id}`.execute(
      deps.db,
    )
    await sql`update destinations set updated_at = now() - interval '1 hour' where run_id = ${run_id}`.execute(
      deps.db,
    )
    await upload(input)
    const [killed, next] = await listAttempts(deps.db, run_id)
    assert.deepEqual([killed?.outcome, killed?.bytes_sent, next?.outcome], ['retrying', SIZE, 'uploaded'])
    const lastedMs = Date.parse(killed?.finished_at ?? '') - Date.parse(killed?.started_at ?? '')
    assert.ok(Math.abs(lastedMs - 3_600_000) < 60_000, `${lastedMs} ms`)
    assert.equal((await getSession(deps.db, run_id, account_id))?.sent_bytes, SIZE)
  })

  it('stops when its binding or account is deleted: the session is given up, nothing else is touched', async () => {
    const foreign = memory.put('foreign.zip', Buffer.from('x'))
    const [unbound, closed] = [await aRun(), await aRun()]
    const first = hangOnce()
    const one = failureOf(upload(unbound))
    await first.reached
    const second = hangOnce()
    const other = failureOf(upload(closed))
    await second.reached
    assert.equal(memory.openSessions(), 2)
    await deleteBinding(deps.db, unbound.binding_id)
    await deleteBinding(deps.db, closed.binding_id)
    await deleteAccount(deps.db, closed.account_id)
    const failures = await Promise.all([one, other])
    assert.deepEqual(
      failures.map(({ type, nonRetryable }) => [type, nonRetryable]),
      [
        ['binding_deleted', true],
        ['unknown_account', true],
      ],
    )
    assert.match(failures[0]?.message ?? '', /^The binding was deleted while the upload was under way\. /)
    assert.match(failures[1]?.message ?? '', /^The account was deleted while the upload was under way\. /)
    assert.equal(memory.openSessions(), 0)
    assert.deepEqual([...memory.files.keys()], [foreign.id])
    for (const input of [unbound, closed]) {
      assert.equal(await getSession(deps.db, input.run_id, input.account_id), null)
      assert.equal(await slotsOf(input), 0)
    }
  })

  it('does not begin once its binding is gone, and gives up what an earlier one has left', async () => {
    const input = await aRun()
    memory.breaks.push(...Array(4).fill({ stored: 0, lost: 0 }))
    await failureOf(upload(input))
    assert.equal(memory.openSessions(), 1)
    await deleteBinding(deps.db, input.binding_id)
    assert.equal((await failureOf(upload(input))).type, 'binding_deleted')
    assert.equal(memory.openSessions(), 0)
    assert.equal(await getSession(deps.db, input.run_id, input.account_id), null)
    assert.equal(await slotsOf(input), 0)
  })

  it('brings its archive to the end when its binding is only disabled', async () => {
    const input = await aRun()
    await updateBinding(deps.db, input.binding_id, { enabled: false })
    assert.equal((await upload(input)).size, SIZE)
  })

  it('with credentials that are refused is followed by one with those that were saved meanwhile', async () => {
    const input = await aRun()
    const { send } = memory
    memory.send = async () => {
      await updateAccount(deps.db, testVault, input.account_id, { credentials: { access_token: 'new' } })
      throw new ProviderError('credentials_refused', 'the token is refused')
    }
    const failure = await failureOf(upload(input))
    assert.deepEqual([failure.type, failure.nonRetryable], ['credentials_refused', false])
    const state = await stateOf(input)
    assert.deepEqual([state.status, state.error?.retryable], ['retrying', true])
    assert.match(state.error?.message ?? '', /it goes on with what is saved now\.$/)
    memory.send = async () => {
      throw new ProviderError('credentials_refused', 'the token is refused')
    }
    const final = await failureOf(upload(input))
    assert.deepEqual([final.type, final.nonRetryable], ['credentials_refused', true])
    memory.send = send
  })
})

describe('the progress of an upload', () => {
  it('is saved once, not once for every second that the database hung', async () => {
    const deps = await createTestDeps()
    try {
      const run = await someRun(deps.db)
      const claim = await claimSession(deps.db, run.id, 'a1', {
        remote_folder: '/x',
        remote_name: 'x.zip',
        archive_size: 10,
        archive_mtime_ns: '1',
      })
      await beginSync(deps.db, run.id, { a1: pendingDestination() })
      const environment = new MockActivityEnvironment(undefined, { logger: quiet })
      let beats = 0
      let saves = 0
      environment.on('heartbeat', () => {
        beats += 1
      })
      let beating: Heartbeats = { say: () => undefined, stop: () => undefined }
      const faults: unknown[] = []
      const progress = await deps.db.transaction().execute(async (trx) => {
        await saveProgress(trx, claim, { stored_bytes: 1, sent_bytes: 1 })
        beating = await environment.run(async () => startHeartbeats(environment.context))
        const started: UploadProgress = await environment.run(async () =>
          startProgress({
            deps,
            context: environment.context,
            beats: beating,
            claim,
            size: 10,
            row: claim,
            shown: pendingDestination(),
            onFault: (error) => faults.push(error),
            rateWarning: () => {
              saves += 1
              return null
            },
            renewTurn: async () => undefined,
          }),
        )
        await until('four seconds of saves are due', async () => (beats >= 5 ? true : null))
        return started
      })
      await progress.stop()
      beating.stop()
      assert.deepEqual([saves, faults], [1, []])
    } finally {
      await deps.close()
    }
  })
})

function unused(): never {
  assert.fail('no request is made here')
}
