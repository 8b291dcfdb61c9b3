// An archive is uploaded although its orchestrator deletes or moves it right after the answer.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { NativeConnection } from '@temporalio/worker'
import { createLocalArchives } from '../../activities/archives/inspect-archive.ts'
import { startWorkers } from '../../activities/worker/workers.ts'
import { createApp } from '../../api/app.ts'
import { healRuns } from '../../api/runs/healer.ts'
import { TemporalUnavailable } from '../../api/temporal/failures.ts'
import { pauseAccount } from '../../db/accounts/account-pauses.ts'
import { databaseNow } from '../../db/database-server.ts'
import { createLogger } from '../../db/process/log.ts'
import { getRun } from '../../db/runs/runs.ts'
import { type Answer, type ApiFixture, askOf, createApiFixture, TOKEN, text } from '../api/fixture.ts'
import { createGate } from '../clouds/faults.ts'
import { EMULATORS } from '../support/clouds.ts'
import { randomName, testVault } from '../support/rows.ts'
import type { TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

const MANY = 20

describe('an archive', () => {
  let api: ApiFixture
  let system: TestSystem
  before(async () => {
    api = await createApiFixture({ clouds: [EMULATORS.dropbox] })
    assert.ok(api.system !== null)
    system = api.system
  })
  after(() => api.close())

  const inRoot = (path: string) => join(system.config.backupRoot, path)
  const settled = (id: string) =>
    until(`run ${id} is settled`, async () => {
      const run = await getRun(api.db, id)
      return run === null || run.cloud_status === 'pending' ? null : run
    })
  const assertUploaded = async (answers: readonly Answer[]) => {
    const runs = await Promise.all(answers.map(({ body }) => settled(text(body.id))))
    assert.deepEqual(
      runs.map(({ cloud_status, error }) => error ?? cloud_status),
      answers.map(() => 'uploaded'),
    )
  }

  it('an archive that is deleted right after the answer is uploaded, twenty times of twenty', async () => {
    const { slug } = await system.bind()
    const answers: Answer[] = []
    for (let count = 0; count < MANY; count += 1) {
      const archive = await system.writeArchive(`${slug}/${count}.zip`, randomBytes(1_000))
      const answer = await api.ask('POST', '/api/runs', { instance: slug, archive })
      await rm(inRoot(archive))
      assert.deepEqual([answer.status, answer.body.pin], [202, 'linked'], answer.text)
      answers.push(answer)
    }
    await assertUploaded(answers)
    await until('every link is removed', async () => {
      const left = await readdir(inRoot('.cloud-sync'))
      return answers.some(({ body }) => left.includes(text(body.id))) ? null : true
    })
  })

  it('an archive that is moved away right after the answer is uploaded', async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1_000))
    await mkdir(inRoot('old'), { recursive: true })
    const answer = await api.ask('POST', '/api/runs', { instance: slug, archive })
    await rename(inRoot(archive), inRoot(`old/${slug}.zip`))
    await assertUploaded([answer])
  })

  it('an archive that is reported and deleted while Temporal is away is uploaded when it is back', async () => {
    const { slug } = await system.bind()
    const away = async (): Promise<never> => {
      throw new TemporalUnavailable('gRPC status 14: away', 14)
    }
    const temporal = { ...api.temporal, check: away, startSync: away, runActivity: away }
    const archives = createLocalArchives({ db: api.db, config: system.config })
    const ask = askOf(createApp({ ...api, temporal, archives }))
    const ids: string[] = []
    for (let count = 0; count < 3; count += 1) {
      const archive = await system.writeArchive(`${slug}/${count}.zip`, randomBytes(1_000))
      const body = { instance: slug, archive, run_id: randomName('run') }
      const answer = await ask('POST', '/api/runs', body, { authorization: `Bearer ${TOKEN}` })
      await rm(inRoot(archive))
      assert.deepEqual([answer.status, answer.body.pin], [503, 'linked'], answer.text)
      ids.push(body.run_id)
    }
    await healRuns(api, { quietForMs: 3_600_000 })
    for (const id of ids) assert.equal((await settled(id)).cloud_status, 'uploaded')
  })

  it('the archive of a workflow that another client starts may be deleted after the first activity', async () => {
    const { slug, bindings } = await system.bind()
    const rested = new Date((await databaseNow(api.db)) + 3_000).toISOString()
    await pauseAccount(api.db, bindings[0]?.account_id ?? '', rested, 'rests')
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1_000))
    const run = await system.start({ instance: slug, archive })
    const handle = system.temporal.client.workflow.getHandle(`cloud-sync/${slug}/${run.runId}`)
    await until('the first activity has ended', async () => {
      const { events } = await handle.fetchHistory()
      return events?.some((event) => event.activityTaskCompletedEventAttributes != null) === true
        ? true
        : null
    })
    await rm(inRoot(archive))
    assert.equal((await run.result()).status, 'uploaded')
    const { events } = await handle.fetchHistory()
    const activities = events?.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name)
    assert.equal(activities?.includes('pinArchive'), false, 'its first activity has linked it')
  })

  it('an archive whose host has no worker is not kept, as the answer says, until the worker comes', async () => {
    const { slug } = await system.bind()
    const queue = randomName('cloud-host7')
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1_000))
    const body = { instance: slug, archive, run_id: randomName('run'), archive_task_queue: queue }
    // The request that waits for the pin is answered also after an upload that ends at once and has released the pin already.
    const upload = createGate()
    const hold = { kind: 'hold', at: 'request', gate: upload } as const
    api.clouds[0]?.server.faults.add({ operation: 'upload', action: hold })
    const early = await api.ask('POST', '/api/runs?wait=pinned&wait_seconds=1', body)
    assert.deepEqual([early.status, early.body.pin], [202, null], early.text)
    const waiting = api.ask('GET', `/api/runs/${body.run_id}?wait=pinned`)
    await until('it is waited for', async () => (api.feed.watcherCount > 0 ? true : null))
    // As another process would have: two Workers of one connection cannot serve one queue.
    const connection = await NativeConnection.connect({ address: system.temporal.address })
    const host = await startWorkers({
      config: { ...system.config, archiveTaskQueue: queue, sharedArchives: false },
      db: system.db,
      vault: testVault,
      log: createLogger({ logLevel: 'silent' }),
      temporal: { connection, namespace: system.temporal.namespace },
    })
    try {
      const answer = await waiting
      assert.deepEqual([answer.status, answer.body.pin], [200, 'linked'], answer.text)
      await rm(inRoot(archive))
      upload.open()
      assert.equal((await settled(body.run_id)).cloud_status, 'uploaded')
    } finally {
      upload.open()
      await host.stop()
      await connection.close()
    }
  })

  it('the archive of an uploaded run is kept again before a re-upload is answered', async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1_000))
    const { run_id } = await system.sync({ instance: slug, archive })
    await until('its pin is released', async () =>
      (await getRun(api.db, run_id))?.pin === null ? true : null,
    )
    const answer = await api.ask('POST', `/api/runs/${run_id}/reupload`, {})
    await rm(inRoot(archive))
    assert.deepEqual([answer.status, answer.body.pin], [202, 'linked'], answer.text)
    await assertUploaded([answer])
    const gone = await api.ask('POST', `/api/runs/${run_id}/reupload`, {})
    assert.equal(gone.status, 410)
  })

  it("a re-upload does not take another file that stands at the archive's path by now", async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1_000))
    const { run_id } = await system.sync({ instance: slug, archive })
    await until('its pin is released', async () =>
      (await getRun(api.db, run_id))?.pin === null ? true : null,
    )
    await writeFile(inRoot(archive), randomBytes(2_000))
    const answer = await api.ask('POST', `/api/runs/${run_id}/reupload`, {})
    assert.deepEqual([answer.status, answer.body.pin], [202, null], answer.text)
    assert.equal((await settled(run_id)).error?.code, 'archive_changed')
    assert.deepEqual(await readdir(inRoot(`.cloud-sync/${run_id}`)).catch(() => []), [])
  })
})
