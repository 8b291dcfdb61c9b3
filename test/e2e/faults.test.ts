// Faults during an upload, at every cloud: in the end there is one whole copy or a clear reason, and no other upload is held up.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { WorkflowFailedError } from '@temporalio/client'
import { isCancellation } from '@temporalio/workflow'
import { Problem } from '../../api/http/problem.ts'
import { endWaits } from '../../api/runs/retry-now.ts'
import { connectTemporal } from '../../api/temporal/client.ts'
import { getRun } from '../../db/runs/runs.ts'
import { listAttempts } from '../../db/uploads/attempts.ts'
import { listAudit } from '../../db/views/audit.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { ALL_CLOUDS, sha256 } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
/** More than any provider takes in one request, so that a session is used. */
const LARGE = 24 * MIB + 4321

describe('faults during an upload', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem(ALL_CLOUDS)
  })
  after(() => system.close())

  const onlyFile = (cloud: CloudDouble, slug: string, content: Buffer) => {
    const files = cloud.files(`/odoo-backups/${slug}`)
    assert.equal(files.length, 1, `${cloud.kind} has ${files.length} files`)
    assert.equal(sha256(files[0]?.content ?? Buffer.alloc(0)), sha256(content))
  }
  const events = async (runId: string) => {
    const { items } = await listAudit(system.db, { run_id: runId, limit: 200 })
    return items.map((entry) => entry.event)
  }
  /** As a person who asks for a run's next attempt. */
  const endWait = async (runId: string) => {
    const { address } = system.temporal
    const temporal = connectTemporal({ address, taskQueue: system.config.taskQueue })
    await until('the run waits, and is told to go on', async () => {
      const run = (await getRun(system.db, runId)) ?? assert.fail()
      return endWaits({ db: system.db, temporal }, run, 'test').then(
        () => true,
        (error: unknown) => {
          if (error instanceof Problem) return null
          throw error
        },
      )
    }).finally(() => temporal.close())
  }
  const kinds = ['google_drive', 'dropbox', 'onedrive'] as const
  const cloudOf = (kind: (typeof kinds)[number]) => {
    const cloud = system.clouds.find((each) => each.kind === kind)
    assert.ok(cloud !== undefined)
    cloud.server.faults.clear()
    return cloud
  }

  // Side by side: each of them breaks its own cloud, and most of the time is pauses between attempts.
  describe('at each cloud', { concurrency: true }, () => {
    for (const kind of kinds) {
      describe(`at ${kind}`, { concurrency: 1 }, () => {
        it('an upload whose connections are reset in mid-body goes on and sends little twice', async () => {
          const cloud = cloudOf(kind)
          const { slug } = await system.bind({}, [cloud])
          const content = randomBytes(LARGE)
          const archive = await system.writeArchive(`${slug}/x.dump`, content)
          cloud.server.forgetRequests()
          for (const bytes of [3 * MIB + 7, 5 * MIB + 1, MIB]) {
            cloud.server.faults.add({ operation: 'chunk', action: { kind: 'reset_after', bytes } })
          }
          const result = await system.sync({ instance: slug, archive })
          assert.equal(result.status, 'uploaded')
          onlyFile(cloud, slug, content)
        })

        it('an upload whose answers to opening, sending and finishing get lost leaves one file', async () => {
          const cloud = cloudOf(kind)
          const { slug } = await system.bind({}, [cloud])
          const content = randomBytes(LARGE)
          const archive = await system.writeArchive(`${slug}/x.dump`, content)
          for (const operation of ['open', 'chunk', 'finalise']) {
            cloud.server.faults.add({ operation, action: { kind: 'lose_answer' } })
          }
          const result = await system.sync({ instance: slug, archive })
          assert.equal(result.status, 'uploaded')
          const files = cloud.files(`/odoo-backups/${slug}`)
          assert.equal(files.length, 1)
          assert.equal(sha256(files[0]?.content ?? Buffer.alloc(0)), sha256(content))
        })

        it('a copy that differs is removed and sent once more', async () => {
          const cloud = cloudOf(kind)
          const { slug } = await system.bind({}, [cloud])
          const content = randomBytes(LARGE)
          const archive = await system.writeArchive(`${slug}/x.dump`, content)
          const struck = cloud.server.faults.add({ action: { kind: 'own', name: 'flip_bit' } })
          const result = await system.sync({ instance: slug, archive })
          assert.equal(struck(), 1)
          assert.equal(result.status, 'uploaded')
          onlyFile(cloud, slug, content)
          const trail = await events(result.run_id)
          assert.ok(trail.includes('hash_mismatch') && trail.includes('bad_copy_removed'))
        })

        it('a copy that differs twice is removed, and the reason is recorded', async () => {
          const cloud = cloudOf(kind)
          const { slug } = await system.bind({}, [cloud])
          const archive = await system.writeArchive(`${slug}/x.dump`, randomBytes(LARGE))
          cloud.server.faults.add({
            times: Number.POSITIVE_INFINITY,
            action: { kind: 'own', name: 'flip_bit' },
          })
          const result = await system.sync({ instance: slug, archive })
          assert.equal(result.status, 'failed')
          assert.deepEqual(
            Object.values(result.destinations).map((state) => state.error?.code),
            ['hash_mismatch'],
          )
          assert.deepEqual(cloud.files(`/odoo-backups/${slug}`), [])
        })

        it('a fault of the service shows the destination as retrying, with the reason', async () => {
          const cloud = cloudOf(kind)
          const { slug, bindings } = await system.bind({}, [cloud])
          const accountId = bindings[0]?.account_id ?? ''
          const content = randomBytes(LARGE)
          const archive = await system.writeArchive(`${slug}/x.dump`, content)
          cloud.server.faults.add({
            operation: 'open',
            times: 2,
            action: { kind: 'status', status: 503, headers: { 'Retry-After': '2' } },
          })
          const run = await system.start({ instance: slug, archive })
          const retrying = await until('the destination is retrying', async () => {
            const state = (await getRun(system.db, run.runId))?.cloud_sync_status[accountId]
            return state?.status === 'retrying' ? state : null
          })
          assert.equal(retrying.error?.retryable, true)
          const handle = system.temporal.client.workflow.getHandle(`cloud-sync/${slug}/${run.runId}`)
          await until('the workflow says so as well', async () => {
            const status = await handle.query<Record<string, { status: string }>>('cloud_sync_status')
            return ['retrying', 'uploading', 'uploaded'].includes(status[accountId]?.status ?? '')
              ? true
              : null
          })
          const result = await run.result()
          assert.equal(result.status, 'uploaded')
          onlyFile(cloud, slug, content)
          const attempts = await listAttempts(system.db, run.runId)
          assert.deepEqual(
            attempts.map((attempt) => attempt.outcome),
            ['retrying', 'retrying', 'uploaded'],
          )
        })

        it('a cancelled upload gives its session up and leaves nothing half-written', async () => {
          const cloud = cloudOf(kind)
          const { slug } = await system.bind({}, [cloud])
          const archive = await system.writeArchive(`${slug}/x.dump`, randomBytes(LARGE))
          const sessionsBefore = cloud.openSessions()
          const struck = cloud.server.faults.add({
            operation: 'chunk',
            action: { kind: 'stall_after', bytes: MIB },
          })
          const run = await system.start({ instance: slug, archive })
          await until('the upload hangs', async () => (struck() > 0 ? true : null))
          await run.cancel()
          const error = await run.result().then(
            () => assert.fail('the workflow should be cancelled'),
            (failure: unknown) => failure,
          )
          assert.ok(error instanceof WorkflowFailedError && isCancellation(error.cause))
          const states = Object.values((await getRun(system.db, run.runId))?.cloud_sync_status ?? {})
          assert.deepEqual(
            states.map((state) => state.status),
            ['cancelled'],
          )
          assert.deepEqual(cloud.files(`/odoo-backups/${slug}`), [])
          // Dropbox has no call that gives a session up: it expires by itself.
          if (kind !== 'dropbox') assert.equal(cloud.openSessions(), sessionsBefore)
          const sessions = await system.db
            .selectFrom('upload_sessions')
            .selectAll()
            .where('run_id', '=', run.runId)
            .execute()
          assert.deepEqual(sessions, [])
        })

        it('an archive that changes while it is read fails the upload, and nothing is committed', async () => {
          const cloud = cloudOf(kind)
          const { slug } = await system.bind({}, [cloud])
          const archive = await system.writeArchive(`${slug}/x.dump`, randomBytes(LARGE))
          const struck = cloud.server.faults.add({
            operation: 'chunk',
            action: { kind: 'reset_after', bytes: MIB },
          })
          cloud.server.faults.add({ operation: 'chunk', action: { kind: 'delay', ms: 50 } })
          const run = await system.start({ instance: slug, archive })
          await until('the upload has begun', async () => (struck() > 0 ? true : null))
          const path = join(system.config.backupRoot, archive)
          await writeFile(path, randomBytes(1000), { flag: 'r+' })
          await utimes(path, new Date(), new Date(Date.now() + 5000))
          const result = await run.result()
          assert.deepEqual(
            Object.values(result.destinations).map((state) => state.error?.code),
            ['archive_changed'],
          )
          assert.deepEqual(cloud.files(`/odoo-backups/${slug}`), [])
        })

        it('a prune that fails leaves the copy uploaded, and retention says why', async () => {
          const cloud = cloudOf(kind)
          const { slug } = await system.bind({ keep_last: 1 }, [cloud])
          cloud.putFile(`/odoo-backups/${slug}/old.zip`, Buffer.from('old'), '2026-01-01T00:00:00Z')
          const archive = await system.writeArchive(`${slug}/x.dump`, randomBytes(1000))
          cloud.server.faults.add({
            operation: 'delete',
            times: Number.POSITIVE_INFINITY,
            action: { kind: 'status', status: 403 },
          })
          if (kind === 'google_drive') {
            cloud.server.faults.add({
              operation: 'update',
              times: Number.POSITIVE_INFINITY,
              action: { kind: 'status', status: 403 },
            })
          }
          const result = await system.sync({ instance: slug, archive })
          const [state] = Object.values(result.destinations)
          assert.equal(state?.status, 'uploaded')
          assert.ok(state?.retention?.error, 'retention.error is missing')
          assert.deepEqual(state?.retention?.deleted, [])
          cloud.server.faults.clear()
        })

        it('a listing that lacks the new file lets nothing be deleted, and the audit says so', async () => {
          const cloud = cloudOf(kind)
          const { slug } = await system.bind({ keep_last: 1 }, [cloud])
          cloud.putFile(`/odoo-backups/${slug}/old.zip`, Buffer.from('old'), '2026-01-01T00:00:00Z')
          cloud.putFile(`/odoo-backups/${slug}/older.zip`, Buffer.from('older'), '2025-01-01T00:00:00Z')
          const archive = await system.writeArchive(`${slug}/x.dump`, randomBytes(1000))
          const value = kind === 'dropbox' ? 1 : 3_600_000
          cloud.server.faults.add({
            operation: 'list',
            times: Number.POSITIVE_INFINITY,
            action: { kind: 'own', name: 'stale_list', value },
          })
          const result = await system.sync({ instance: slug, archive })
          const [state] = Object.values(result.destinations)
          assert.equal(state?.status, 'uploaded')
          assert.equal(state?.retention?.skipped, 'new_file_not_listed')
          assert.equal(cloud.files(`/odoo-backups/${slug}`).length, 3)
          assert.ok((await events(result.run_id)).includes('prune_skipped'))
          cloud.server.faults.clear()
        })
      })
    }
  })

  it('the fault of one destination neither delays nor fails another', async () => {
    for (const kind of kinds) cloudOf(kind)
    const { slug, bindings } = await system.bind()
    const content = randomBytes(LARGE)
    const archive = await system.writeArchive(`${slug}/x.dump`, content)
    const broken = cloudOf('google_drive')
    broken.server.faults.add({
      operation: 'open',
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'status', status: 403 },
    })
    const result = await system.sync({ instance: slug, archive })
    assert.equal(result.status, 'failed')
    for (const binding of bindings) {
      const state = result.destinations[binding.account_id]
      assert.equal(state?.status, state?.provider === 'google_drive' ? 'failed' : 'uploaded')
    }
    broken.server.faults.clear()
    const again = await system.sync({ instance: slug, archive, run_id: result.run_id })
    assert.equal(again.status, 'uploaded')
    for (const cloud of system.clouds) onlyFile(cloud, slug, content)
  })

  it('a 429 makes the whole account wait as long as it says, visibly, while other accounts go on', async () => {
    for (const kind of kinds) cloudOf(kind)
    const cloud = cloudOf('dropbox')
    const { slug, bindings } = await system.bind()
    const limited = bindings.find((_, index) => system.clouds[index]?.kind === 'dropbox')?.account_id ?? ''
    const first = await system.writeArchive(`${slug}/1.dump`, randomBytes(LARGE))
    const second = await system.writeArchive(`${slug}/2.dump`, randomBytes(1000))
    cloud.server.faults.add({
      operation: 'open',
      action: { kind: 'status', status: 429, headers: { 'Retry-After': '600' } },
    })
    const one = await system.start({ instance: slug, archive: first })
    await until('the account rests', async () => {
      const account = await system.db
        .selectFrom('cloud_accounts')
        .select('paused_until')
        .where('id', '=', limited)
        .executeTakeFirst()
      return account?.paused_until ?? null
    })
    const other = await system.start({ instance: slug, archive: second })
    const states = await until('the second run waits at this account alone', async () => {
      const status = (await getRun(system.db, other.runId))?.cloud_sync_status ?? {}
      const rest = Object.entries(status).filter(([id]) => id !== limited)
      const isAlone = rest.length === 2 && rest.every(([, state]) => state.status === 'uploaded')
      return isAlone ? status : null
    })
    assert.equal(states[limited]?.status, 'pending')
    assert.equal(states[limited]?.error?.code, 'account_busy')
    assert.match(states[limited]?.error?.message ?? '', /continues at/)
    for (const { runId } of [one, other]) await endWait(runId)
    assert.equal((await one.result()).status, 'uploaded')
    assert.equal((await other.result()).status, 'uploaded')
  })

  it('more uploads than an account takes at once wait for their turn', async () => {
    for (const kind of kinds) cloudOf(kind)
    const cloud = cloudOf('onedrive')
    const { slug } = await system.bind({}, [cloud])
    const archives = await Promise.all(
      [1, 2, 3, 4].map((n) => system.writeArchive(`${slug}/${n}.dump`, randomBytes(LARGE))),
    )
    cloud.server.faults.add({ operation: 'chunk', times: 4, action: { kind: 'delay', ms: 700 } })
    const runs = await Promise.all(archives.map((archive) => system.start({ instance: slug, archive })))
    let most = 0
    const results = Promise.all(runs.map((run) => run.result()))
    await until('all are uploaded', async () => {
      const states = await Promise.all(runs.map((run) => getRun(system.db, run.runId)))
      const uploading = states.filter((run) =>
        Object.values(run?.cloud_sync_status ?? {}).some(
          (state) => state.status === 'uploading' && state.remote_id === null,
        ),
      )
      most = Math.max(most, uploading.length)
      return states.every((run) => run?.cloud_status === 'uploaded') ? true : null
    })
    assert.ok((await results).every((result) => result.status === 'uploaded'))
    assert.ok(most <= 2, `${most} uploads ran at once`)
    assert.equal(cloud.files(`/odoo-backups/${slug}`).length, 4)
  })

  it("an upload whose worker is replaced goes on at the provider's offset", async () => {
    for (const kind of kinds) cloudOf(kind)
    const { slug } = await system.bind()
    const content = randomBytes(LARGE)
    const archive = await system.writeArchive(`${slug}/x.dump`, content)
    const struck = system.clouds.map((cloud) => {
      cloud.server.forgetRequests()
      return cloud.server.faults.add({ operation: 'chunk', action: { kind: 'stall_after', bytes: 2 * MIB } })
    })
    const run = await system.start({ instance: slug, archive })
    await until('every upload hangs', async () => (struck.every((count) => count() > 0) ? true : null))
    await system.restartWorkers()
    assert.equal((await run.result()).status, 'uploaded')
    for (const cloud of system.clouds) onlyFile(cloud, slug, content)
  })
})
