// The two archive forms the Temporal CLI is published in, built here byte by byte as their specifications say.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { readArchiveEntry } from '../../../temporal-dev/cli/archive-entry.ts'
import { tarGz, zip } from './archives.ts'

const content = Buffer.concat([randomBytes(5000), Buffer.alloc(50_000, 'a')])

describe('an archive entry', () => {
  for (const compressed of [true, false]) {
    it(`is read from a ${compressed ? 'deflated' : 'stored'} zip`, async () => {
      const archive = zip([
        { name: 'other/METADATA', content: Buffer.from('x') },
        { name: 'pack.data/scripts/temporal', content, compressed },
      ])
      assert.deepEqual(await readArchiveEntry(archive, 'temporal'), content)
    })
  }

  it('is read from a gzipped tar', async () => {
    const archive = tarGz([
      { name: 'LICENSE', content: Buffer.from('free') },
      { name: 'temporal', content },
    ])
    assert.deepEqual(await readArchiveEntry(archive, 'temporal'), content)
  })

  it('is refused when a byte of it changed', async () => {
    const archive = zip([{ name: 'temporal', content, compressed: false }])
    archive.writeUInt8(archive.readUInt8(100) ^ 1, 100)
    await assert.rejects(readArchiveEntry(archive, 'temporal'), /temporal is damaged/)
  })

  it('is refused when the archive is cut off, lacks it, or is something else', async () => {
    const archive = zip([{ name: 'temporal', content }])
    await assert.rejects(readArchiveEntry(archive.subarray(0, 3000), 'temporal'), /cut off/)
    await assert.rejects(readArchiveEntry(archive, 'another'), /holds no another/)
    await assert.rejects(readArchiveEntry(tarGz([]), 'temporal'), /holds no temporal/)
    await assert.rejects(readArchiveEntry(Buffer.from('<html>sign in first</html>'), 'temporal'), /neither/)
  })
})
