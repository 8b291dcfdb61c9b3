// The main job, end to end on real parts: an archive on disk reaches every bound cloud whole and once, and old copies are deleted.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { access, link, mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { WorkflowFailedError } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import { updateBinding } from '../../db/instances/bindings.ts'
import { getRun } from '../../db/runs/runs.ts'
import { listAudit } from '../../db/views/audit.ts'
import { ALL_CLOUDS, sha256 } from '../support/clouds.ts'
import { randomName } from '../support/rows.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024

describe('cloudSyncWorkflow', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem(ALL_CLOUDS)
  })
  after(() => system.close())

  const events = async (runId: string) => {
    const { items } = await listAudit(system.db, { run_id: runId, limit: 200 })
    return items.map((entry) => entry.event)
  }
  const failureOf = async (input: Parameters<TestSystem['sync']>[0]) => {
    const error = await system.sync(input).then(
      () => assert.fail('the workflow should fail'),
      (failure: unknown) => failure,
    )
    assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure)
    return { code: error.cause.type, message: error.cause.message }
  }

  it('each type of archive arrives at every bound cloud, whole and once', async () => {
    const { slug } = await system.bind()
    for (const name of ['a.zip', 'b.dump', 'c.tar.gz']) {
      const content = randomBytes(9 * MIB + 12_345)
      const result = await system.sync({
        instance: slug,
        archive: await system.writeArchive(`${slug}/${name}`, content),
      })
      assert.equal(result.status, 'uploaded')
      assert.equal(Object.keys(result.destinations).length, 3)
      for (const state of Object.values(result.destinations)) {
        assert.equal(state.status, 'uploaded')
        assert.equal(state.size, content.byteLength)
        assert.equal(state.bytes_sent, content.byteLength)
        assert.equal(state.error, null)
        assert.equal(state.remote_path, `/odoo-backups/${slug}/${name}`)
        assert.ok(state.hash !== null)
      }
      for (const cloud of system.clouds) {
        const files = cloud.files(`/odoo-backups/${slug}`).filter((file) => file.path.endsWith(`/${name}`))
        assert.equal(files.length, 1)
        assert.equal(sha256(files[0]?.content ?? Buffer.alloc(0)), sha256(content))
        assert.equal(cloud.openSessions(), 0)
      }
    }
  })

  it('retention keeps the newest archives at each destination and deletes the others, but no foreign file', async () => {
    const { slug } = await system.bind({ keep_last: 2 })
    for (const cloud of system.clouds) {
      for (const day of ['01', '02', '03']) {
        cloud.putFile(
          `/odoo-backups/${slug}/old-${day}.zip`,
          Buffer.from(`old ${day}`),
          `2026-01-${day}T00:00:00Z`,
        )
      }
      cloud.putFile(`/odoo-backups/${slug}/notes.txt`, Buffer.from('keep me'), '2020-01-01T00:00:00Z')
      cloud.putFile(`/odoo-backups/${slug}/deeper/older.zip`, Buffer.from('keep me'), '2020-01-01T00:00:00Z')
    }
    const archive = await system.writeArchive(`${slug}/new.zip`, randomBytes(100_000))
    const result = await system.sync({ instance: slug, archive })
    for (const state of Object.values(result.destinations)) {
      assert.deepEqual(state.retention, {
        keep_last: 2,
        deleted: ['old-01.zip', 'old-02.zip'],
        kept: 2,
        skipped: null,
        error: null,
      })
    }
    for (const cloud of system.clouds) {
      const names = cloud
        .files(`/odoo-backups/${slug}`)
        .map((file) => file.path.slice(`/odoo-backups/${slug}/`.length))
      assert.deepEqual(names.sort(), ['deeper/older.zip', 'new.zip', 'notes.txt', 'old-03.zip'])
    }
    const trail = await events(result.run_id)
    assert.equal(trail.filter((event) => event === 'file_deleted').length, 6)
    assert.equal(trail.filter((event) => event === 'prune_planned').length, 3)
  })

  it('two runs of one instance that prune at once leave the newest copy (docs/design.md, rule 4)', async () => {
    const { slug } = await system.bind({ keep_last: 1 })
    for (const cloud of system.clouds) {
      cloud.server.faults.add({ operation: 'list', times: 4, action: { kind: 'delay', ms: 400 } })
      cloud.server.faults.add({ operation: 'delete', times: 4, action: { kind: 'delay', ms: 800 } })
    }
    const archives = await Promise.all(
      ['a.dump', 'b.dump'].map((name) => system.writeArchive(`${slug}/${name}`, randomBytes(MIB))),
    )
    const results = await Promise.all(archives.map((archive) => system.sync({ instance: slug, archive })))
    assert.deepEqual(
      results.map((result) => result.status),
      ['uploaded', 'uploaded'],
    )
    for (const cloud of system.clouds) {
      cloud.server.faults.clear()
      const left = cloud.files(`/odoo-backups/${slug}`)
      assert.ok(left.length >= 1, `${cloud.kind} has nothing left`)
    }
  })

  it('retention scope own counts only files of this program', async () => {
    const { slug } = await system.bind({ keep_last: 1, retention_scope: 'own' })
    for (const cloud of system.clouds) {
      cloud.putFile(`/odoo-backups/${slug}/foreign.zip`, Buffer.from('x'), '2020-01-01T00:00:00Z')
    }
    await system.sync({
      instance: slug,
      archive: await system.writeArchive(`${slug}/1.zip`, randomBytes(1000)),
    })
    const result = await system.sync({
      instance: slug,
      archive: await system.writeArchive(`${slug}/2.zip`, randomBytes(1000)),
    })
    for (const state of Object.values(result.destinations))
      assert.deepEqual(state.retention?.deleted, ['1.zip'])
    for (const cloud of system.clouds) {
      const paths = cloud.files(`/odoo-backups/${slug}`).map((file) => file.path)
      assert.deepEqual(paths.sort(), [`/odoo-backups/${slug}/2.zip`, `/odoo-backups/${slug}/foreign.zip`])
    }
  })

  it('a file of equal content counts as uploaded and is not sent again (docs/design.md, rule 2)', async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/same.zip`, randomBytes(2 * MIB))
    await system.sync({ instance: slug, archive })
    for (const cloud of system.clouds) cloud.server.forgetRequests()
    const again = await system.sync({ instance: slug, archive })
    assert.equal(again.status, 'uploaded')
    for (const state of Object.values(again.destinations)) assert.equal(state.bytes_sent, 0)
    for (const cloud of system.clouds) {
      assert.equal(cloud.files(`/odoo-backups/${slug}`).length, 1)
      const sent = cloud.server.requests.reduce((sum, request) => sum + request.bytes, 0)
      assert.ok(sent < 100_000, `${cloud.kind} was sent ${sent} bytes`)
    }
    assert.equal((await events(again.run_id)).filter((event) => event === 'already_present').length, 3)
  })

  it('a file of other content is never overwritten: the new one gets the short ID of its run (docs/design.md, rule 2)', async () => {
    const { slug } = await system.bind()
    for (const cloud of system.clouds)
      cloud.putFile(`/odoo-backups/${slug}/x.tar.gz`, Buffer.from('somebody else'))
    const archive = await system.writeArchive(`${slug}/x.tar.gz`, randomBytes(5000))
    const result = await system.sync({ instance: slug, archive, run_id: 'nightly-7' })
    for (const state of Object.values(result.destinations)) {
      assert.equal(state.status, 'uploaded')
      assert.equal(state.remote_path, `/odoo-backups/${slug}/x.nightly-7.tar.gz`)
    }
    for (const cloud of system.clouds) {
      const files = cloud.files(`/odoo-backups/${slug}`)
      assert.equal(files.length, 2)
      assert.equal(
        files.find((file) => file.path.endsWith('/x.tar.gz'))?.content?.toString(),
        'somebody else',
      )
    }
    assert.equal((await events(result.run_id)).filter((event) => event === 'name_conflict_renamed').length, 3)
  })

  it('a run that names accounts is limited to them', async () => {
    const { slug, bindings } = await system.bind()
    const only = bindings[1]?.account_id ?? ''
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1000))
    const result = await system.sync({ instance: slug, archive, account_ids: [only] })
    assert.deepEqual(Object.keys(result.destinations), [only])
  })

  it('a run of an instance without an enabled binding has the status none', async () => {
    const { slug, bindings } = await system.bind()
    for (const binding of bindings) await updateBinding(system.db, binding.id, { enabled: false })
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1000))
    const result = await system.sync({ instance: slug, archive })
    assert.equal(result.status, 'none')
    assert.deepEqual(result.destinations, {})
    assert.equal((await getRun(system.db, result.run_id))?.cloud_status, 'none')
  })

  it('the database is part of the folder, and only a destination that needs one and has none fails', async () => {
    const [first, ...others] = system.clouds
    assert.ok(first !== undefined)
    const { slug } = await system.bind({ remote_path: '/dbs/{instance_slug}/{database}/' })
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1000))
    const result = await system.sync({ instance: slug, archive, database: 'prod 17' })
    for (const state of Object.values(result.destinations)) {
      assert.equal(state.remote_path, `/dbs/${slug}/prod 17/x.zip`)
    }
    assert.equal(others.length, 2)
    const without = await system.sync({ instance: slug, archive })
    assert.equal(without.status, 'failed')
    for (const state of Object.values(without.destinations))
      assert.equal(state.error?.code, 'database_missing')
  })

  it('a hard link keeps the archive while a copy is missing, and goes when all copies are safe (docs/design.md, rule 6)', async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(3 * MIB))
    for (const cloud of system.clouds) {
      cloud.server.faults.add({ action: { kind: 'delay', ms: 300 } })
    }
    const run = await system.start({ instance: slug, archive })
    const pin = join(system.config.backupRoot, '.cloud-sync', run.runId, 'x.zip')
    const isThere = () =>
      access(pin).then(
        () => true,
        () => false,
      )
    await until('the archive is linked', async () => ((await isThere()) ? true : null))
    await rm(join(system.config.backupRoot, archive))
    assert.equal(await isThere(), true)
    assert.equal((await run.result()).status, 'uploaded')
    assert.equal(await isThere(), false)
    for (const cloud of system.clouds) assert.equal(cloud.files(`/odoo-backups/${slug}`).length, 1)
  })

  describe('bad input is refused with a code and a sentence, and nothing is lost:', () => {
    const cases: readonly [string, (slug: string) => Promise<Record<string, unknown>>, string, RegExp][] = [
      [
        'an unknown instance',
        async () => ({ instance: 'nobody', archive: 'x.zip' }),
        'unknown_instance',
        /nobody/,
      ],
      [
        'an unknown account',
        async (slug) => ({ instance: slug, archive: 'x.zip', account_ids: ['nope'] }),
        'unknown_account',
        /account_ids/,
      ],
      [
        'a missing archive',
        async (slug) => ({ instance: slug, archive: 'gone.zip' }),
        'archive_missing',
        /gone\.zip/,
      ],
      [
        'an unsupported type',
        async (slug) => ({ instance: slug, archive: 'x.txt' }),
        'archive_unsupported',
        /\.tar\.gz/,
      ],
      [
        'a path out of the root',
        async (slug) => ({ instance: slug, archive: '../../etc/x.zip' }),
        'archive_outside_root',
        /BACKUP_ROOT/,
      ],
      [
        'an unknown field',
        async (slug) => ({ instance: slug, archive: 'x.zip', keep: 3 }),
        'invalid_input',
        /keep/,
      ],
      [
        'a malformed instance',
        async () => ({ instance: 'No Slug', archive: 'x.zip' }),
        'invalid_input',
        /instance/,
      ],
      [
        'an empty archive',
        async (slug) => ({
          instance: slug,
          archive: await system.writeArchive('empty.zip', Buffer.alloc(0)),
        }),
        'archive_empty',
        /empty/,
      ],
      [
        'a symlink out of the root',
        async (slug) => {
          const outside = join(tmpdir(), `${randomName('outside')}.zip`)
          await writeFile(outside, 'x')
          const name = `${randomName('link')}.zip`
          await symlink(outside, join(system.config.backupRoot, name))
          return { instance: slug, archive: name }
        },
        'archive_outside_root',
        /BACKUP_ROOT/,
      ],
    ]
    for (const [what, makeInput, code, words] of cases) {
      it(`${what} ends the run with ${code}`, async () => {
        const { slug } = await system.bind()
        const input = (await makeInput(slug)) as Parameters<TestSystem['sync']>[0]
        const failure = await failureOf(input)
        assert.equal(failure.code, code)
        assert.match(failure.message, words)
      })
    }
  })

  it('a missing archive marks the run and every destination, and the same run can be started again', async () => {
    const { slug } = await system.bind()
    const run_id = randomName('run')
    await failureOf({ instance: slug, archive: `${slug}/late.zip`, run_id })
    const failed = await getRun(system.db, run_id)
    assert.equal(failed?.cloud_status, 'failed')
    assert.equal(failed?.error?.code, 'archive_missing')
    for (const state of Object.values(failed?.cloud_sync_status ?? {})) {
      assert.equal(state.status, 'failed')
      assert.equal(state.error?.code, 'archive_missing')
    }
    await system.writeArchive(`${slug}/late.zip`, randomBytes(1000))
    const result = await system.sync({ instance: slug, archive: `${slug}/late.zip`, run_id })
    assert.equal(result.status, 'uploaded')
    assert.equal((await getRun(system.db, run_id))?.error, null)
  })

  it('an archive that is larger than the provider takes fails before the first byte, and the error says the limit', async () => {
    const cloud = system.clouds.find(({ kind }) => kind === 'onedrive')
    assert.ok(cloud !== undefined)
    const { slug } = await system.bind({}, [cloud])
    const archive = await system.writeArchive(`${slug}/huge.dump`, Buffer.from('x'))
    // Sparse: it takes no room on the disk.
    await truncate(join(system.config.backupRoot, archive), 250 * 1024 * MIB + 1)
    cloud.server.forgetRequests()
    const result = await system.sync({ instance: slug, archive })
    const [state] = Object.values(result.destinations)
    assert.equal(state?.error?.code, 'archive_too_large')
    assert.match(state?.error?.message ?? '', /250 GiB/)
    assert.deepEqual(cloud.server.requests, [])
  })

  it('parent and children answer cloud_sync_status and set the search attributes', async () => {
    const { slug, bindings } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1000))
    const run = await system.start({ instance: slug, archive })
    const result = await run.result()
    const handle = system.temporal.client.workflow.getHandle(`cloud-sync/${slug}/${run.runId}`)
    assert.deepEqual(await handle.query('cloud_sync_status'), result.destinations)
    const accountId = bindings[0]?.account_id ?? ''
    const child = system.temporal.client.workflow.getHandle(`cloud-sync/${slug}/${run.runId}/${accountId}`)
    assert.deepEqual(await child.query('cloud_sync_status'), { [accountId]: result.destinations[accountId] })
    const attributes = (await handle.describe()).searchAttributes
    assert.deepEqual(attributes.OdooInstance, [slug])
    assert.deepEqual(attributes.BackupRunId, [run.runId])
    assert.deepEqual(attributes.CloudSyncStatus, ['uploaded'])
    assert.deepEqual((await child.describe()).searchAttributes.CloudAccount, [accountId])
  })

  it('an archive may be named by its absolute path and may have further hard links', async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1000))
    const absolute = join(system.config.backupRoot, archive)
    await mkdir(join(system.config.backupRoot, 'links'), { recursive: true })
    await link(absolute, join(system.config.backupRoot, 'links', `${slug}.zip`))
    assert.equal((await system.sync({ instance: slug, archive: absolute })).status, 'uploaded')
  })
})
