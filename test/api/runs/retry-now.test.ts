// "Retry now" after a provider has asked for a pause: the pause is the account's, and ends with the wait.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, describe, it } from 'node:test'
import { accountPause } from '../../../db/accounts/account-pauses.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { bindingWorkflowId } from '../../../workflows/workflow-ids.ts'
import type { CloudDouble } from '../../clouds/cloud-double.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { someRun } from '../../support/rows.ts'
import type { TestSystem } from '../../support/system.ts'
import { lastStartOf } from '../../support/temporal.ts'
import { until } from '../../support/until.ts'
import { type ApiFixture, assertProblem, at, createApiFixture, list, text } from '../fixture.ts'

describe('retry now', () => {
  let api: ApiFixture
  let system: TestSystem
  before(async () => {
    api = await createApiFixture({ clouds: [EMULATORS.google_drive, EMULATORS.dropbox] })
    assert.ok(api.system !== null)
    system = api.system
  })
  after(() => api.close())
  afterEach(() => {
    for (const cloud of api.clouds) cloud.server.faults.clear()
  })

  const start = async (slug: string) => {
    const archive = await system.writeArchive(`${slug}/x.dump`, randomBytes(50_000))
    const answer = await api.ask('POST', '/api/runs', { instance: slug, archive })
    assert.equal(answer.status, 202, answer.text)
    return text(answer.body.id)
  }
  const settled = (id: string) =>
    until(`run ${id} is settled`, async () => {
      const { body } = await api.ask('GET', `/api/runs/${id}`)
      return body.cloud_status === 'pending' ? null : body
    })
  const waitsUntil = (id: string, accountId: string) =>
    until('the destination waits for its next attempt', async () => {
      const { body } = await api.ask('GET', `/api/runs/${id}`)
      if (body.live === null) return null
      const live = at(body, 'live', 'destinations')
      if (!(accountId in live)) return null
      const { state, next_attempt_at } = at(live, accountId)
      return state === 'waiting' && typeof next_attempt_at === 'string' ? next_attempt_at : null
    })
  /** A run whose one destination was told to come back in ten minutes. */
  const paused = async (cloud: CloudDouble) => {
    const { slug, bindings } = await system.bind({}, [cloud])
    const accountId = bindings[0]?.account_id ?? ''
    cloud.server.faults.add({
      operation: cloud.kind === 'dropbox' ? 'upload' : 'open',
      times: 1,
      action: { kind: 'status', status: 429, headers: { 'Retry-After': '600' } },
    })
    const id = await start(slug)
    const next = await waitsUntil(id, accountId)
    assert.ok(Date.parse(next) > (await databaseNow(api.db)) + 300_000, 'it would wait for minutes')
    return { id, accountId, slug, next }
  }

  it('"Retry now" ends the pause that a provider asked for, and the audit says so', async () => {
    for (const cloud of api.clouds) {
      const { id, accountId, slug, next } = await paused(cloud)
      assert.notEqual(await accountPause(api.db, accountId), null)
      assert.equal((await api.ask('POST', `/api/runs/${id}/retry-now`)).status, 202)
      const run = await settled(id)
      assert.equal(run.cloud_status, 'uploaded', cloud.kind)
      const destination = bindingWorkflowId(slug, id, accountId)
      const begun = await lastStartOf(system.temporal.client, destination, 'uploadArchive')
      assert.ok(begun < new Date(next), `began at ${begun.toISOString()}, planned was ${next}`)
      assert.equal(await accountPause(api.db, accountId), null)
      const trail = list((await api.ask('GET', `/api/audit?run_id=${id}&event=retry_requested`)).body)
      assert.deepEqual(at(trail[0] ?? null, 'details').account_ids, [accountId])
      assert.equal(at(trail[0] ?? null, 'details', 'ended_pauses', 0).account_id, accountId)
    }
  })

  it('"Retry now" ends the pause that another run caused, before the first attempt', async () => {
    const [, dropbox] = api.clouds
    assert.ok(dropbox !== undefined)
    const { id: first, accountId, slug } = await paused(dropbox)
    const second = await (async () => {
      const archive = await system.writeArchive(`${slug}/y.dump`, randomBytes(50_000))
      const answer = await api.ask('POST', '/api/runs', { instance: slug, archive })
      return text(answer.body.id)
    })()
    await waitsUntil(second, accountId)
    assert.equal((await api.ask('POST', `/api/runs/${second}/retry-now`)).status, 202)
    assert.equal((await settled(second)).cloud_status, 'uploaded')
    assert.equal((await api.ask('POST', `/api/runs/${first}/retry-now`)).status, 202)
    assert.equal((await settled(first)).cloud_status, 'uploaded')
  })

  it('"Retry now" says why when nothing waits', async () => {
    const { slug } = await system.bind()
    const done = await start(slug)
    await settled(done)
    const refused = await api.ask('POST', `/api/runs/${done}/retry-now`)
    assertProblem(refused, 409)
    assert.match(text(refused.body.detail), /has ended: re-upload/)
    const begun = await someRun(api.db)
    const early = await api.ask('POST', `/api/runs/${begun.id}/retry-now`)
    assertProblem(early, 409)
    assert.match(text(early.body.detail), /no open destination/)
    const [, dropbox] = api.clouds
    assert.ok(dropbox !== undefined)
    dropbox.server.faults.add({ operation: 'upload', times: 1, action: { kind: 'delay', ms: 3_000 } })
    const { slug: other, bindings } = await system.bind({}, [dropbox])
    const sending = await start(other)
    await until('it is being sent', async () => {
      const status = at((await api.ask('GET', `/api/runs/${sending}`)).body, 'cloud_sync_status')
      const { account_id = '' } = bindings[0] ?? {}
      return account_id in status && at(status, account_id).status === 'uploading' ? true : null
    })
    const busy = await api.ask('POST', `/api/runs/${sending}/retry-now`)
    assertProblem(busy, 409)
    assert.match(text(busy.body.detail), /being worked on/)
    assert.equal((await settled(sending)).cloud_status, 'uploaded')
  })
})
