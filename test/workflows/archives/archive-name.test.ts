import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isArchiveName, namesForRun } from '../../../workflows/archives/archive-name.ts'

describe('archive names', () => {
  it('archive names are those of .zip, .dump and .tar.gz files, in any case', () => {
    for (const name of ['a.zip', 'a.dump', 'a.tar.gz', 'A.ZIP', 'a.b.Tar.Gz', '.zip'])
      assert.equal(isArchiveName(name), true, name)
    for (const name of ['a', 'a.gz', 'a.tar', 'a.zip.part', 'a.zip\n', 'azip', 'a.dump ', 'a.targz', ''])
      assert.equal(isArchiveName(name), false, name)
  })
})

describe('names with the run ID', () => {
  it('a name with the run ID keeps the type at its end, so that retention counts the file (docs/design.md, rule 2)', () => {
    assert.deepEqual(namesForRun('acme.dump', 'r-1a2b3c4d'), ['acme.dump', 'acme.r-1a2b3c4d.dump'])
    assert.deepEqual(namesForRun('acme.tar.gz', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'), [
      'acme.tar.gz',
      'acme.3f2504e0.tar.gz',
      'acme.3f2504e0-4f89-41d3-9a0c-0305e82c3301.tar.gz',
    ])
    assert.deepEqual(namesForRun('acme.ZIP', 'X:1'), ['acme.ZIP', 'acme.X-1.ZIP'])
    for (const name of ['a.zip', 'b.dump', 'c.x.tar.gz'])
      assert.ok(namesForRun(name, 'run-7').every(isArchiveName))
  })

  it('a name with the run ID is no longer than names may be, and no character is halved', () => {
    const id = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'
    const long = `${'n'.repeat(250)}.zip`
    for (const name of namesForRun(long, id)) assert.ok(name.length <= 255, String(name.length))
    assert.ok(
      namesForRun(long, id)
        .slice(1)
        .every((name) => name.endsWith('.zip') && name.includes('3f2504e0')),
    )
    for (let length = 100; length < 127; length += 1)
      assert.ok(namesForRun(`${'💾'.repeat(length)}.dump`, id).every((name) => name.isWellFormed()))
  })
})
