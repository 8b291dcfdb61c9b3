import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { lookAt } from '../../../activities/archives/archive-link.ts'
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
      { code: 'archive_unreadable', message: 'the kept archives cannot be read (EACCES)' },
    )
  })
})
