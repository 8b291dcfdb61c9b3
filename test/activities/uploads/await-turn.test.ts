import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { causeOf, type StepError, toFailure } from '../../../activities/failures.ts'
import { askAgainMs, createTurnActivities } from '../../../activities/uploads/await-turn.ts'
import { pauseAccount } from '../../../db/accounts/account-pauses.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { getRun } from '../../../db/runs/runs.ts'
import { releaseTurn } from '../../../db/uploads/turns.ts'
import { createTestDeps, type TestDeps } from '../../support/activity-deps.ts'
import { pendingDestination, someAccount, someRun } from '../../support/rows.ts'

describe("waiting for an account's turn", () => {
  let deps: TestDeps
  before(async () => {
    deps = await createTestDeps()
  })
  after(() => deps.close())

  async function aRun(account_id: string) {
    const run = await someRun(deps.db)
    await beginSync(deps.db, run.id, { [account_id]: pendingDestination() })
    return { run_id: run.id, account_id }
  }
  const wait = (input: { run_id: string; account_id: string }) => createTurnActivities(deps).awaitTurn(input)
  const refusal = (input: { run_id: string; account_id: string }) =>
    wait(input).then(
      () => assert.fail('there is no place'),
      (error: StepError) => error,
    )
  const shown = async ({ run_id, account_id }: { run_id: string; account_id: string }) =>
    (await getRun(deps.db, run_id))?.cloud_sync_status[account_id]

  it('ends when there is a place, as many at once as the account may have', async () => {
    const { id } = await someAccount(deps.db)
    const limit = deps.config.uploadsPerAccount
    const runs = await Promise.all(Array.from({ length: limit + 1 }, () => aRun(id)))
    for (const run of runs.slice(0, limit)) await wait(run)
    const last = runs.at(-1) ?? assert.fail()
    const error = await refusal(last)
    assert.equal(error.code, 'account_busy')
    const failure = toFailure(causeOf(error))
    assert.deepEqual([failure.nonRetryable, failure.nextRetryDelay], [false, 2_000])
    await releaseTurn(deps.db, id, runs[0]?.run_id ?? '')
    await wait(last)
    await wait(last)
  })

  it('shows why the destination is still pending', async () => {
    const { id } = await someAccount(deps.db)
    for (let i = 0; i < deps.config.uploadsPerAccount; i += 1) await wait(await aRun(id))
    const run = await aRun(id)
    await refusal(run)
    const state = await shown(run)
    assert.deepEqual(
      [state?.status, state?.error?.code, state?.error?.retryable],
      ['pending', 'account_busy', true],
    )
    const written = (await getRun(deps.db, run.run_id))?.updated_at
    await refusal(run)
    assert.equal((await getRun(deps.db, run.run_id))?.updated_at, written)
  })

  it('lasts as long as the account is paused, and asks in between', async () => {
    const { id } = await someAccount(deps.db)
    const run = await aRun(id)
    await pauseAccount(
      deps.db,
      id,
      new Date((await databaseNow(deps.db)) + 60_000).toISOString(),
      'The daily limit is used up.',
    )
    const soon = await refusal(run)
    assert.ok(soon.retryAfterMs !== undefined && soon.retryAfterMs > 50_000 && soon.retryAfterMs <= 60_000)
    assert.match((await shown(run))?.error?.message ?? '', /^The daily limit is used up\. It continues at /)
    await pauseAccount(
      deps.db,
      id,
      new Date((await databaseNow(deps.db)) + 86_400_000).toISOString(),
      'The daily limit is used up.',
    )
    assert.equal((await refusal(run)).retryAfterMs, 900_000)
  })

  it('holds up no other account', async () => {
    const [paused, free] = [await someAccount(deps.db), await someAccount(deps.db)]
    await pauseAccount(deps.db, paused.id, '2099-01-01T00:00:00Z', 'Paused.')
    await wait(await aRun(free.id))
    assert.equal((await refusal(await aRun(paused.id))).code, 'account_busy')
  })

  it('fails for good when the account is gone', async () => {
    const { id } = await someAccount(deps.db)
    const run = await aRun(id)
    const error = await wait({ ...run, account_id: 'gone' }).catch((cause: unknown) => cause)
    assert.equal(toFailure(causeOf(error)).nonRetryable, true)
  })
})

describe('a long line at an account', () => {
  it('asks the less often the further back, and never more seldom than once a minute', () => {
    assert.deepEqual([0, 3, 4, 8, 1000].map(askAgainMs), [2000, 2000, 4000, 6000, 60_000])
  })
})
