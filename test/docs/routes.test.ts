// docs/api.md lists the operations as they are.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { type ApiFixture, createApiFixture } from '../api/fixture.ts'
import { ROUTES_FILE, routesDocument } from './routes-table.ts'

describe('docs/api.md', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture()
  })
  after(() => api.close())

  it('is what the routes and their tests give', async () => {
    const text = await readFile(ROUTES_FILE, 'utf8')
    assert.equal(text, await routesDocument(api.app), 'run: node test/docs/routes-table.ts')
  })

  it('names at least one test of its own for every operation', async () => {
    const rows = (await routesDocument(api.app)).split('\n').filter((row) => /^\| `[A-Z]/.test(row))
    assert.ok(rows.length > 40)
    assert.deepEqual(
      rows.filter((row) => !row.includes('.test.ts')),
      [],
    )
  })
})
