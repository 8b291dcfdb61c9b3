// Links of archives that no run's row names: a process was killed between link and row, or its request came second.

import assert from 'node:assert/strict'
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createArchiveInspectionActivities } from '../../../activities/archives/inspect-archive.ts'
import { createOrphanActivities } from '../../../activities/archives/orphan-links.ts'
import { createPinActivities } from '../../../activities/archives/pin-archive.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { getRun, recordRun } from '../../../db/runs/runs.ts'
import { createTestDeps, type TestDeps } from '../../support/activity-deps.ts'
import { withClockOff } from '../../support/clock/clock-off.ts'
import { inStep } from '../../support/clock/in-step.ts'
import { randomName, someInstance } from '../../support/rows.ts'

const DAY_MS = 86_400_000

describe('links of archives that belong to no run', () => {
  let deps: TestDeps
  before(async () => {
    deps = await createTestDeps()
  })
  after(() => deps.close())

  const kept = (...path: string[]) => join(deps.folder, '.cloud-sync', ...path)
  const links = (runId: string) => readdir(kept(runId)).catch(() => [])
  /** A negative age makes every link old. */
  const sweep = (young_ms?: number) =>
    createOrphanActivities(deps).sweepOrphanPins(young_ms === undefined ? {} : { young_ms })
  const OLD = -60_000
  const look = (archive: string, run_id: string) =>
    createArchiveInspectionActivities(deps).inspectArchive({ archive, run_id, keep: true })
  const archive = async () => {
    const name = `${randomName('acme')}.dump`
    await writeFile(join(deps.folder, name), 'content')
    return name
  }
  const pinnedRun = async () => {
    const { slug } = await someInstance(deps.db)
    const id = randomName('run')
    const name = await archive()
    await recordRun(deps.db, { id, instance_slug: slug, archive: name, workflow_id: id })
    await createPinActivities(deps).pinArchive({ run_id: id })
    return { id, name }
  }

  it(...inStep('are removed when they are an hour old, with the folder of the run'), async () => {
    const runId = randomName('run')
    assert.equal((await look(await archive(), runId)).ok, true)
    await sweep()
    assert.equal((await links(runId)).length, 1, 'its row may still be written')
    assert.ok((await sweep(OLD)).removed >= 1)
    assert.equal((await readdir(kept())).includes(runId), false)
  })

  it('are as old as the clock of their disk says, whatever that of the worker is', async () => {
    const runId = randomName('run')
    assert.equal((await look(await archive(), runId)).ok, true)
    for (const offMs of [-DAY_MS, DAY_MS]) await withClockOff(offMs, () => sweep())
    assert.equal((await links(runId)).length, 1)
    await withClockOff(-DAY_MS, () => sweep(OLD))
    assert.deepEqual(await links(runId), [])
  })

  it('are told from the link of a run, whether it is being synced or has failed', async () => {
    const open = await pinnedRun()
    const failed = await pinnedRun()
    await finishSync(deps.db, failed.id, 'failed', { code: 'internal_error', message: 'x', retryable: false })
    for (const { id, name } of [open, failed]) assert.equal((await look(name, id)).ok, true)
    await sweep(OLD)
    assert.deepEqual([await links(open.id), await links(failed.id)], [[open.name], [failed.name]])
  })

  it('are told from the link of a run also where BACKUP_ROOT is written in another way by now', async () => {
    const { id, name } = await pinnedRun()
    const alias = `${deps.folder}-alias`
    await symlink(deps.folder, alias)
    const moved = { ...deps, config: { ...deps.config, backupRoot: alias } }
    await createOrphanActivities(moved).sweepOrphanPins({ young_ms: OLD })
    await rm(alias)
    assert.deepEqual(await links(id), [name])
  })

  it('are removed beside the link of a run that came first', async () => {
    const { id, name } = await pinnedRun()
    await writeFile(join(deps.folder, name), 'another')
    await rename(kept(id, name), kept(id, 'other.dump'))
    await rename(kept(id, 'other.dump'), kept(id, name))
    await writeFile(kept(id, '0a1b2c3d-second.dump'), 'of a request that came second')
    await sweep(OLD)
    assert.deepEqual(await links(id), [name])
  })

  it('are plain archives in a folder of a run: nothing else is touched, and no symlink is followed', async () => {
    const outside = join(deps.folder, randomName('outside'))
    await mkdir(outside)
    await writeFile(join(outside, 'x.dump'), 'not ours')
    await mkdir(kept(), { recursive: true })
    await symlink(outside, kept('a-symlink'))
    await writeFile(kept('a-file.dump'), 'not ours')
    const runId = randomName('run')
    await mkdir(kept(runId, 'folder.dump'), { recursive: true })
    await writeFile(kept(runId, 'note.txt'), 'mine')
    await symlink(join(outside, 'x.dump'), kept(runId, 'link.dump'))
    await sweep(OLD)
    assert.deepEqual(await readdir(outside), ['x.dump'])
    assert.deepEqual((await links(runId)).toSorted(), ['folder.dump', 'link.dump', 'note.txt'])
    assert.deepEqual((await readdir(kept())).filter((name) => name.startsWith('a-')).toSorted(), [
      'a-file.dump',
      'a-symlink',
    ])
  })

  it('are not looked for behind a symlink in place of the folder', async () => {
    const root = join(deps.folder, randomName('root'))
    const elsewhere = join(deps.folder, randomName('elsewhere'))
    await mkdir(join(elsewhere, 'run-1'), { recursive: true })
    await mkdir(root)
    await writeFile(join(elsewhere, 'run-1', 'x.dump'), 'not ours')
    await symlink(elsewhere, join(root, '.cloud-sync'))
    const other = { ...deps, config: { ...deps.config, backupRoot: root } }
    assert.deepEqual(await createOrphanActivities(other).sweepOrphanPins({ young_ms: OLD }), { removed: 0 })
    assert.deepEqual(await readdir(join(elsewhere, 'run-1')), ['x.dump'])
  })

  it('are not taken for gone where the folder cannot be looked at', async () => {
    const root = join(deps.folder, randomName('circle'))
    await symlink(root, root)
    const other = { ...deps, config: { ...deps.config, backupRoot: root } }
    await assert.rejects(createOrphanActivities(other).sweepOrphanPins({}), { code: 'archive_unreadable' })
  })

  it('may be dropped at once by who made them, and never the one that a row names, nor a file elsewhere', async () => {
    const { dropArchiveLink } = createArchiveInspectionActivities(deps)
    const { id, name } = await pinnedRun()
    const path = (await getRun(deps.db, id))?.pin_path ?? ''
    await dropArchiveLink({ run_id: id, pin_path: path })
    assert.deepEqual(await links(id), [name])
    for (const pin_path of [join(deps.folder, name), kept(id, '..', '..', name), kept('other', name)]) {
      await assert.rejects(dropArchiveLink({ run_id: id, pin_path }), { code: 'invalid_input' })
    }
    const runId = randomName('run')
    const finding = await look(name, runId)
    assert.ok(finding.ok && finding.kept?.pin_path != null)
    await dropArchiveLink({ run_id: runId, pin_path: finding.kept.pin_path })
    assert.equal((await readdir(kept())).includes(runId), false)
  })
})
