import assert from 'node:assert/strict'
import { chmod, link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { lookAt, removeLinksOfRun } from '../../../activities/archives/archive-link.ts'
import { unprivileged } from '../../support/activity-deps.ts'

describe('a look at the link of an archive', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-link-'))
    await chmod(folder, 0o755)
    await writeFile(join(folder, 'archive.zip'), 'content')
  })
  after(() => rm(folder, { recursive: true }))

  it('tells what is there, and null where it or its folder is gone', async () => {
    assert.equal((await lookAt(join(folder, 'archive.zip')))?.isFile(), true)
    for (const gone of ['other.zip', 'folder/archive.zip', 'archive.zip/archive.zip']) {
      assert.equal(await lookAt(join(folder, gone)), null)
    }
  })

  it('does not take any other error for "gone"', async () => {
    const closed = join(folder, 'closed')
    await mkdir(closed, { mode: 0 })
    await assert.rejects(
      unprivileged(() => lookAt(join(closed, 'archive.zip'))),
      { code: 'archive_unreadable', message: 'The kept archives cannot be read (EACCES).' },
    )
  })
})

describe('removing the links of a run', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-links-'))
    await chmod(folder, 0o755)
  })
  after(() => rm(folder, { recursive: true }))

  it('takes the second links of the same file along, and the folder when it is empty', async () => {
    const run = join(folder, 'run-1')
    await mkdir(run)
    const own = join(run, 'archive.zip')
    await writeFile(own, 'content')
    await link(own, join(run, '0123abcd-archive.zip'))
    await removeLinksOfRun(own)
    assert.deepEqual(await readdir(folder), [])
  })

  it('fails where the folder cannot be listed, and removes nothing', async () => {
    const run = join(folder, 'run-2')
    await mkdir(run)
    const own = join(run, 'archive.zip')
    await writeFile(own, 'content')
    // May be passed through, but not be listed.
    await chmod(run, 0o311)
    await assert.rejects(
      unprivileged(() => removeLinksOfRun(own)),
      { code: 'archive_unreadable', message: 'The kept archives cannot be read (EACCES).' },
    )
    assert.equal((await lookAt(own))?.isFile(), true)
  })
})
