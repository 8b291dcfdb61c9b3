import assert from 'node:assert/strict'
import files, {
  appendFile,
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createPinActivities } from '../../../activities/archives/pin-archive.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { keepPinUntil } from '../../../db/runs/kept-archives.ts'
import { getRun, recordRun } from '../../../db/runs/runs.ts'
import type { Run } from '../../../db/schema.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { createTestDeps, type TestDeps, unprivileged } from '../../support/activity-deps.ts'
import { randomName, someInstance } from '../../support/rows.ts'

describe('keeping the archive (docs/design.md, rule 6)', () => {
  let deps: TestDeps
  before(async () => {
    deps = await createTestDeps()
  })
  after(() => deps.close())

  const inRoot = (...path: string[]) => join(deps.folder, ...path)
  async function aRun(
    archive = `${randomName('acme')}.dump`,
    content: string | null = 'content',
  ): Promise<Run> {
    if (content !== null) await writeFile(inRoot(archive), content)
    const { slug } = await someInstance(deps.db)
    const id = randomName('run')
    const { run } = await recordRun(deps.db, { id, instance_slug: slug, archive, workflow_id: id })
    return run
  }
  const pin = (run: Run, at: TestDeps = deps) => createPinActivities(at).pinArchive({ run_id: run.id })
  const release = (run: Run, only_when_due?: boolean) =>
    createPinActivities(deps).releaseArchive({
      run_id: run.id,
      ...(only_when_due === undefined ? {} : { only_when_due }),
    })
  const settle = (run: Run, status: 'uploaded' | 'failed' = 'uploaded') => finishSync(deps.db, run.id, status)
  async function record(run: Run): Promise<Run> {
    const found = await getRun(deps.db, run.id)
    assert.ok(found)
    return found
  }
  async function events(run: Run): Promise<readonly string[]> {
    const { items } = await listAudit(deps.db, { run_id: run.id, limit: 50 })
    return items.map(({ event }) => event).reverse()
  }
  const isThere = (path: string) =>
    stat(path).then(
      () => true,
      () => false,
    )

  it('links it, without copying a byte, into a folder that nobody else can read', async () => {
    const run = await aRun()
    assert.deepEqual(await pin(run), { size: 7, pin: 'linked' })
    const kept = inRoot('.cloud-sync', run.id, run.archive)
    const [original, linked] = [await stat(inRoot(run.archive)), await stat(kept)]
    assert.equal(linked.ino, original.ino)
    assert.equal((await stat(inRoot('.cloud-sync', run.id))).mode & 0o777, 0o700)
    const { pin_path, archive_path, size } = await record(run)
    assert.deepEqual([pin_path, archive_path, size], [kept, inRoot(run.archive), 7])
    assert.deepEqual(await events(run), ['archive_pinned'])
  })

  it('does it once, however often it is asked', async () => {
    const run = await aRun()
    await Promise.all([pin(run), pin(run)])
    assert.deepEqual(await pin(run), { size: 7, pin: 'linked' })
    const names = await readdir(inRoot('.cloud-sync', run.id))
    assert.deepEqual(
      names.map((name) => inRoot('.cloud-sync', run.id, name)),
      [(await record(run)).pin_path],
    )
    assert.equal((await stat(inRoot(run.archive))).nlink, 2)
  })

  it('is not kept from it by the link of a try that broke off before it was recorded, and lets go of both', async () => {
    const run = await aRun()
    await mkdir(inRoot('.cloud-sync', run.id), { recursive: true })
    await link(inRoot(run.archive), inRoot('.cloud-sync', run.id, run.archive))
    assert.equal((await pin(run)).pin, 'linked')
    await settle(run)
    assert.deepEqual(await release(run), { is_released: true })
    assert.equal(await isThere(inRoot('.cloud-sync', run.id)), false)
  })

  it('uses the link of a try that broke off before it was recorded when the original is gone by now', async () => {
    const run = await aRun()
    await mkdir(inRoot('.cloud-sync', run.id), { recursive: true })
    await rename(inRoot(run.archive), inRoot('.cloud-sync', run.id, run.archive))
    assert.deepEqual(await pin(run), { size: 7, pin: 'linked' })
    const { pin_path, archive_path } = await record(run)
    assert.equal(await readFile(pin_path ?? '', 'utf8'), 'content')
    assert.equal(archive_path, inRoot(run.archive))
  })

  it('does not take an older file at the place of the link for the archive', async () => {
    const run = await aRun()
    await mkdir(inRoot('.cloud-sync', run.id), { recursive: true })
    await writeFile(inRoot('.cloud-sync', run.id, run.archive), 'older!!')
    assert.equal((await pin(run)).pin, 'linked')
    assert.equal(await readFile((await record(run)).pin_path ?? '', 'utf8'), 'content')
  })

  it('still has it when the orchestrator has deleted its name of the file', async () => {
    const run = await aRun()
    await pin(run)
    await rm(inRoot(run.archive))
    assert.deepEqual(await pin(run), { size: 7, pin: 'linked' })
    await writeFile(inRoot(run.archive), 'the next backup of that name')
    assert.deepEqual(await pin(run), { size: 7, pin: 'linked' })
  })

  it('refuses a file that has changed since the run was accepted', async () => {
    const run = await aRun()
    await pin(run)
    await appendFile(inRoot(run.archive), 'more')
    await assert.rejects(pin(run), { code: 'archive_changed' })
    const other = await aRun()
    await pin(other)
    await utimes(inRoot(other.archive), 1, 1)
    await assert.rejects(pin(other), { code: 'archive_changed' })
  })

  it('is of the file that was linked, where another one takes its name just before', async (t) => {
    const run = await aRun()
    const real = files.link
    t.mock.method(files, 'link', async (from: string, to: string) => {
      await writeFile(inRoot('another'), 'another one')
      await rename(inRoot('another'), from)
      await real(from, to)
    })
    syncBuiltinESMExports()
    t.after(() => {
      t.mock.restoreAll()
      syncBuiltinESMExports()
    })
    const pinned = await pin(run)
    assert.equal(pinned.size, 'another one'.length)
    const { size, archive_mtime_ns, pin_path } = await record(run)
    const linked = await stat(pin_path ?? '', { bigint: true })
    assert.deepEqual([size, archive_mtime_ns], [Number(linked.size), String(linked.mtimeNs)])
  })

  it('refuses another file at the path when the link is gone', async () => {
    const run = await aRun()
    await pin(run)
    await settle(run)
    await release(run)
    assert.deepEqual(await pin(run), { size: 7, pin: 'linked' })
    await settle(run)
    await release(run)
    await writeFile(inRoot('new'), 'another')
    await rename(inRoot('new'), inRoot(run.archive))
    await assert.rejects(pin(run), { code: 'archive_changed' })
    await rm(inRoot(run.archive))
    await assert.rejects(pin(run), { code: 'archive_missing' })
  })

  it('names the link by the file that is meant, not by a symlink to it', async () => {
    const real = await aRun()
    const name = `${randomName('latest')}.dump`
    await symlink(real.archive, inRoot(name))
    const run = await aRun(name, null)
    await pin(run)
    assert.deepEqual(await readdir(inRoot('.cloud-sync', run.id)), [real.archive])
  })

  it('uses the original, and says so, where the folder of links is on another file system', async () => {
    const shm = await mkdtemp('/dev/shm/cloud-sync-test-').catch(() => null)
    const run = await aRun()
    const root = inRoot(randomName('root'))
    await mkdir(root)
    await rename(inRoot(run.archive), join(root, run.archive))
    if (shm === null || (await stat(shm)).dev === (await stat(root)).dev) {
      // No second file system here: a folder that may only be read cannot hold links either.
      await chmod(root, 0o555)
    } else await symlink(shm, join(root, '.cloud-sync'))
    const other = { ...deps, config: { ...deps.config, backupRoot: root } }
    assert.deepEqual(await pin(run, other), { size: 7, pin: 'original' })
    const { pin: kind, pin_path, archive_path } = await record(run)
    assert.deepEqual([kind, pin_path, archive_path], ['original', null, join(root, run.archive)])
    assert.deepEqual(await events(run), ['archive_not_linkable'])
    if (shm !== null) {
      assert.deepEqual(await readdir(shm), [])
      await rm(shm, { recursive: true })
    }
    await settle(run)
    assert.deepEqual(await release(run), { is_released: true })
    assert.equal(await isThere(join(root, run.archive)), true)
  })

  it('uses the original where BACKUP_ROOT may only be read', async () => {
    const run = await aRun()
    const root = inRoot(randomName('root'))
    await mkdir(root)
    await rename(inRoot(run.archive), join(root, run.archive))
    await chmod(root, 0o555)
    await chmod(deps.folder, 0o755)
    const other = { ...deps, config: { ...deps.config, backupRoot: root } }
    assert.equal((await unprivileged(() => pin(run, other))).pin, 'original')
    await chmod(root, 0o755)
  })

  it('passes on what is wrong with the archive', async () => {
    await assert.rejects(pin(await aRun('none.dump', null)), { code: 'archive_missing' })
    await assert.rejects(pin(await aRun('../x.dump', null)), { code: 'archive_outside_root' })
    await assert.rejects(pin(await aRun('empty.dump', '')), { code: 'archive_empty' })
    await assert.rejects(pin({ ...(await aRun()), id: 'nobody' }), { code: 'run_unknown' })
  })

  it('refuses its own links as archives, also where BACKUP_ROOT is a symlink', async () => {
    const run = await aRun()
    await pin(run)
    const alias = inRoot(randomName('alias'))
    await symlink(deps.folder, alias)
    const other = { ...deps, config: { ...deps.config, backupRoot: alias } }
    const thief = await aRun(join('.cloud-sync', run.id, run.archive), null)
    await assert.rejects(pin(thief), { code: 'archive_outside_root' })
    await assert.rejects(pin(thief, other), { code: 'archive_outside_root' })
  })

  it('lets it go when every destination has it, and only the link', async () => {
    const run = await aRun()
    await pin(run)
    await settle(run)
    assert.deepEqual(await release(run), { is_released: true })
    assert.equal(await isThere(inRoot('.cloud-sync', run.id)), false)
    assert.equal(await readFile(inRoot(run.archive), 'utf8'), 'content')
    const { pin: kind, pin_path } = await record(run)
    assert.deepEqual([kind, pin_path], [null, null])
    assert.deepEqual(await release(run), { is_released: true })
    assert.deepEqual(await events(run), ['archive_pinned', 'archive_released'])
  })

  it('lets nothing go while a sync is open', async () => {
    const run = await aRun()
    await beginSync(deps.db, run.id, {})
    await pin(run)
    assert.deepEqual(await release(run), { is_released: false, kept_for_ms: null })
    assert.equal(await isThere(inRoot('.cloud-sync', run.id, run.archive)), true)
  })

  it('keeps it after a failure until its time is over', async () => {
    const run = await aRun()
    await pin(run)
    await settle(run, 'failed')
    const later = new Date((await databaseNow(deps.db)) + 3_600_000).toISOString()
    await keepPinUntil(deps.db, run.id, later)
    const { is_released, kept_for_ms } = await release(run, true)
    assert.equal(is_released, false)
    assert.ok((kept_for_ms ?? 0) > 3_000_000 && (kept_for_ms ?? 0) <= 3_600_000, `${kept_for_ms} ms`)
    await keepPinUntil(deps.db, run.id, '2020-01-01T00:00:00Z')
    assert.deepEqual(await release(run, true), { is_released: true })
    assert.equal(await isThere(inRoot('.cloud-sync', run.id)), false)
  })

  it('leaves what somebody else has put beside the link', async () => {
    const run = await aRun()
    await pin(run)
    await writeFile(inRoot('.cloud-sync', run.id, 'note.txt'), 'mine')
    await settle(run)
    assert.deepEqual(await release(run), { is_released: true })
    assert.deepEqual(await readdir(inRoot('.cloud-sync', run.id)), ['note.txt'])
  })
})
