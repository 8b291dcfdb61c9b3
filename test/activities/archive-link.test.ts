import assert from 'node:assert/strict'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { lookAt } from '../../activities/archive-link.ts'

describe('a look at the link of an archive', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-link-'))
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
    // A circle, because permissions keep nothing from root.
    const circle = join(folder, 'circle')
    await symlink(circle, circle)
    await assert.rejects(lookAt(join(circle, 'archive.zip')), {
      code: 'archive_unreadable',
      message: 'the kept archives cannot be read (ELOOP)',
    })
  })
})
