import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
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
