import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { nameWithRunId, resolveFolder } from '../../workflows/remote-name.ts'
import { isArchiveName } from '../../workflows/retention.ts'

describe("a binding's folder", () => {
  it('has its placeholders filled in, one slash before and none behind', () => {
    assert.equal(resolveFolder('/odoo-backups/{instance_slug}/', 'acme', null), '/odoo-backups/acme')
    assert.equal(resolveFolder('//a///{instance_slug}-{database}//x', 'acme', 'prod'), '/a/acme-prod/x')
    assert.equal(resolveFolder('{instance_slug}/{instance_slug}', 'acme', null), '/acme/acme')
    assert.equal(resolveFolder('/', 'acme', null), '/')
  })

  it('is none when it needs a database and the run has none', () => {
    assert.equal(resolveFolder('/x/{database}', 'acme', null), null)
    assert.equal(resolveFolder('/x', 'acme', null), '/x')
  })

  it('carries the name of the database as it is, whatever characters it has', () => {
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
  it('keeps the type at its end, so that retention still counts the file (design.md, rule 2)', () => {
    assert.equal(nameWithRunId('acme.dump', 'r-1a2b3c4d'), 'acme.1a2b3c4d.dump')
    assert.equal(nameWithRunId('acme.tar.gz', 'r-1a2b3c4d'), 'acme.1a2b3c4d.tar.gz')
    assert.equal(nameWithRunId('acme.ZIP', 'X'), 'acme.x.ZIP')
    for (const name of ['a.zip', 'b.dump', 'c.x.tar.gz'])
      assert.ok(isArchiveName(nameWithRunId(name, 'run-7')))
  })
})
