// A cancelled run has a word of its own wherever runs are shown or asked for: it is neither failed nor without a binding.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createBinding } from '../../../db/instances/bindings.ts'
import { beginSync, saveDestination } from '../../../db/runs/destinations.ts'
import { cancelRequestedStart, finishSync } from '../../../db/runs/ending.ts'
import { recordRunToStart } from '../../../db/runs/starts.ts'
import type { Run } from '../../../db/schema.ts'
import { statusError } from '../../../workflows/failures.ts'
import { type ApiFixture, createApiFixture, list, TOKEN } from '../../api/fixture.ts'
import { pendingDestination, randomName, someAccount, someInstance, someRun } from '../../support/rows.ts'

describe('a cancelled run', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  const page = async (path: string) => {
    const headers = { authorization: `Bearer ${TOKEN}`, accept: 'text/html' }
    const answer = await api.app.request(path, { headers })
    assert.equal(answer.status, 200, path)
    return answer.text()
  }

  /** Ended with these states at one destination each. */
  async function endedRun(
    status: 'failed' | 'cancelled',
    states: readonly ('failed' | 'cancelled')[],
  ): Promise<Run> {
    const run = await someRun(api.db)
    for (const state of states) {
      const account = await someAccount(api.db)
      await createBinding(api.db, { instance_slug: run.instance_slug, account_id: account.id })
      await beginSync(api.db, run.id, { [account.id]: pendingDestination({ account: account.name }) })
      const error = statusError(state === 'failed' ? 'folder_missing' : 'cancelled', 'It was ended.')
      const finished_at = new Date().toISOString()
      await saveDestination(api.db, run.id, account.id, { status: state, error, finished_at })
    }
    await finishSync(api.db, run.id, status)
    return run
  }

  /** Recorded, and cancelled before Temporal had it. */
  async function neverBegun(): Promise<Run> {
    const { slug } = await someInstance(api.db)
    const account = await someAccount(api.db)
    await createBinding(api.db, { instance_slug: slug, account_id: account.id })
    const id = randomName('never')
    const workflow_id = `cloud-sync/${slug}/${id}`
    const archive = `${slug}/x.zip`
    const { run } = await api.db
      .transaction()
      .execute((trx) => recordRunToStart(trx, { id, instance_slug: slug, archive, workflow_id }))
    const error = statusError('cancelled', 'The run was cancelled before it began.')
    assert.equal(await cancelRequestedStart(api.db, run, { actor: 'token', error }), true)
    return run
  }

  it('a cancelled run is found by its status, and not among the failed ones', async () => {
    const cancelled = await endedRun('cancelled', ['cancelled'])
    const never = await neverBegun()
    const failed = await endedRun('failed', ['failed'])
    const found = async (status: string) =>
      list((await api.ask('GET', `/api/runs?limit=100&status=${status}`)).body).map(({ id }) => id)
    const [ofCancelled, ofFailed] = [await found('cancelled'), await found('failed')]
    assert.deepEqual(
      [cancelled, never, failed].map(({ id }) => [ofCancelled.includes(id), ofFailed.includes(id)]),
      [
        [true, false],
        [true, false],
        [false, true],
      ],
    )
    const history = await page('/?status=cancelled')
    assert.match(history, /<option value="cancelled" selected[^>]*>cancelled</)
    assert.ok(history.includes(`/runs/${cancelled.id}`) && !history.includes(`/runs/${failed.id}`))
  })

  it('a cancelled run has no mark of a failure in the list, also without destinations', async () => {
    const { id } = await neverBegun()
    const history = await page(`/?q=${id}`)
    assert.match(history, /data-component="mark" data-state="cancelled"/)
    assert.doesNotMatch(history, /data-component="mark" data-state="failed"/)
  })

  it('a cancelled run that never began says so on its page, without a fault or a missing binding', async () => {
    const { id } = await neverBegun()
    const text = await page(`/runs/${id}`)
    assert.match(text, /The run was cancelled before it began\./)
    assert.doesNotMatch(text, /No binding was enabled/)
    assert.doesNotMatch(text, /id="run-error"><div[^>]*data-kind="danger"/)
  })

  it('a cancelled run can be uploaded again, also when it never began', async () => {
    assert.match(
      await page(`/runs/${(await endedRun('cancelled', ['cancelled'])).id}`),
      /Re-upload the 1 cancelled/,
    )
    assert.match(await page(`/runs/${(await neverBegun()).id}`), /Re-upload the 1 cancelled/)
  })
})
