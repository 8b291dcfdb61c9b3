import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isArchiveName, namesForRun } from '../../../workflows/archives/archive-name.ts'
import { resolveFolder } from '../../../workflows/archives/remote-folder.ts'

describe("a binding's folder", () => {
  it("a binding's folder has its placeholders filled in, one slash before and none behind", () => {
    assert.equal(resolveFolder('/odoo-backups/{instance_slug}/', 'acme', null), '/odoo-backups/acme')
    assert.equal(resolveFolder('//a///{instance_slug}-{database}//x', 'acme', 'prod'), '/a/acme-prod/x')
    assert.equal(resolveFolder('{instance_slug}/{instance_slug}', 'acme', null), '/acme/acme')
    assert.equal(resolveFolder('/', 'acme', null), '/')
  })

  it("a binding's folder is null when it needs a database and the run has none", () => {
    assert.equal(resolveFolder('/x/{database}', 'acme', null), null)
    assert.equal(resolveFolder('/x', 'acme', null), '/x')
  })

  it("a binding's folder carries the name of the database as it is, whatever characters it has", () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('/'))
    fc.assert(
      fc.property(name, (database) => {
        assert.equal(resolveFolder('/b/{database}/c', 'acme', database), `/b/${database}/c`)
      }),
    )
    for (const database of ['$&', '$$', "$'", '$`', '{instance_slug}', '{database}'])
      assert.equal(resolveFolder('/{database}', 'acme', database), `/${database}`)
  })
})

describe('the name with the run ID in it', () => {
  it('keeps the type at its end, so that retention still counts the file (docs/design.md, rule 2)', () => {
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

  it('is no longer than names may be: the end of the stem gives way, and no character is halved', () => {
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
