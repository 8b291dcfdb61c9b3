import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { findArchive, openArchive } from '../../../activities/archives/find-archive.ts'
import type { ErrorCode } from '../../../workflows/errors.ts'
import { unprivileged } from '../../support/activity-deps.ts'

describe('the archive that a path names', () => {
  let top: string
  let root: string
  before(async () => {
    top = await realpath(await mkdtemp(join(tmpdir(), 'cloud-sync-archives-')))
    await chmod(top, 0o755)
    root = join(top, 'backups')
    await mkdir(join(root, 'acme'), { recursive: true })
    for (const name of [
      'acme/x.dump',
      'acme/y.tar.gz',
      'Z.ZIP',
      '..hidden.zip',
      'acme/notes.txt',
      'with space ü.dump',
    ])
      await writeFile(join(root, name), name)
    await writeFile(join(root, 'empty.dump'), '')
    await writeFile(join(top, 'outside.dump'), 'outside')
  })
  after(() => rm(top, { recursive: true, force: true }))

  const refused = (given: string, code: ErrorCode, at = root) =>
    assert.rejects(findArchive(at, given), { name: 'StepError', code }, given)

  it('is found relative to BACKUP_ROOT and absolute beneath it', async () => {
    for (const name of ['acme/x.dump', 'acme/y.tar.gz', 'Z.ZIP', '..hidden.zip', 'with space ü.dump']) {
      const found = await findArchive(root, name)
      const { size, mtimeNs, ino } = await stat(join(root, name), { bigint: true })
      assert.deepEqual(found, {
        path: join(root, name),
        size: Number(size),
        mtime_ns: String(mtimeNs),
        inode: String(ino),
      })
      assert.deepEqual(await findArchive(root, join(root, name)), found)
    }
    assert.equal((await findArchive(`${root}/`, 'acme/../acme//x.dump')).path, join(root, 'acme/x.dump'))
  })

  it('is refused outside of it, however it is written', async () => {
    for (const given of [
      '../outside.dump',
      join(top, 'outside.dump'),
      'acme/../../outside.dump',
      '/etc/passwd',
      '..',
      '.',
      '',
      '/',
    ])
      await refused(given, 'archive_outside_root')
    await mkdir(join(top, 'backups-old'), { recursive: true })
    await writeFile(join(top, 'backups-old/x.dump'), 'x')
    await refused(join(top, 'backups-old/x.dump'), 'archive_outside_root')
    await refused('../backups-old/x.dump', 'archive_outside_root')
  })

  it('is refused behind a symlink that leads out of BACKUP_ROOT', async () => {
    await symlink(join(top, 'outside.dump'), join(root, 'out.dump'))
    await refused('out.dump', 'archive_outside_root')
    await symlink(top, join(root, 'up'))
    await refused('up/outside.dump', 'archive_outside_root')
    await symlink('../../outside.dump', join(root, 'acme/relative.dump'))
    await refused('acme/relative.dump', 'archive_outside_root')
  })

  it('is the file behind a symlink that stays inside, and BACKUP_ROOT may be one itself', async () => {
    await symlink('acme/x.dump', join(root, 'latest.dump'))
    assert.equal((await findArchive(root, 'latest.dump')).path, join(root, 'acme/x.dump'))
    const alias = join(top, 'alias')
    await symlink(root, alias)
    for (const given of ['acme/x.dump', join(alias, 'acme/x.dump'), join(root, 'acme/x.dump')])
      assert.equal((await findArchive(alias, given)).path, join(root, 'acme/x.dump'))
  })

  it('is a .zip, .dump or .tar.gz file, by its own name and not by that of a link', async () => {
    await refused('acme/notes.txt', 'archive_unsupported')
    await refused('acme', 'archive_unsupported')
    await symlink('acme/notes.txt', join(root, 'notes.dump'))
    await refused('notes.dump', 'archive_unsupported')
  })

  it('is a regular file with bytes in it', async () => {
    await mkdir(join(root, 'folder.dump'))
    await refused('folder.dump', 'archive_unsupported')
    execFileSync('mkfifo', [join(root, 'pipe.dump')])
    await refused('pipe.dump', 'archive_unsupported')
    await refused('empty.dump', 'archive_empty')
  })

  it('that is not there, or can be nowhere, is missing', async () => {
    await refused('none.dump', 'archive_missing')
    await refused('acme/x.dump/y.dump', 'archive_missing')
    await symlink('gone.dump', join(root, 'dangling.dump'))
    await refused('dangling.dump', 'archive_missing')
    await symlink('circle.dump', join(root, 'circle.dump'))
    await refused('circle.dump', 'archive_missing')
    await refused(`${'x'.repeat(300)}.dump`, 'archive_missing')
  })

  it('is never one that this program keeps itself', async () => {
    await mkdir(join(root, '.cloud-sync/r1'), { recursive: true })
    await writeFile(join(root, '.cloud-sync/r1/x.dump'), 'x')
    await refused('.cloud-sync/r1/x.dump', 'archive_outside_root')
    await mkdir(join(root, '.cloud-sync-old'))
    await writeFile(join(root, '.cloud-sync-old/x.dump'), 'x')
    assert.equal((await findArchive(root, '.cloud-sync-old/x.dump')).size, 1)
  })

  it('that this program may not reach is unreadable, which a person can mend', async () => {
    await mkdir(join(root, 'closed'))
    await writeFile(join(root, 'closed/x.dump'), 'x')
    await chmod(join(root, 'closed'), 0o000)
    await unprivileged(() => refused('closed/x.dump', 'archive_unreadable'))
    await chmod(join(root, 'closed'), 0o755)
    await chmod(join(root, 'closed/x.dump'), 0o000)
    await unprivileged(() =>
      assert.rejects(openArchive(join(root, 'closed/x.dump'), 'x.dump'), { code: 'archive_unreadable' }),
    )
    await refused('x.dump', 'archive_unreadable', join(top, 'no-such-root'))
  })

  it('is named as it was given, not by where it lies', async () => {
    const given = relative(root, join(root, 'none.dump'))
    await assert.rejects(findArchive(root, given), (error: Error) => {
      assert.ok(error.message.includes('"none.dump"'))
      assert.ok(!error.message.includes(root))
      return true
    })
  })
})
