// The same run again: by which name its archive is known, and what a refusal speaks of.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isArchiveOf } from '../../../db/runs/same-archive.ts'
import { randomName } from '../../support/rows.ts'
import type { TestSystem } from '../../support/system.ts'
import { until } from '../../support/until.ts'
import { type ApiFixture, assertProblem, createApiFixture, text } from '../fixture.ts'

describe('a run that is asked for again', () => {
  let api: ApiFixture
  let system: TestSystem
  before(async () => {
    api = await createApiFixture({ clouds: [] })
    assert.ok(api.system !== null)
    system = api.system
  })
  after(() => api.close())

  const settled = (id: string) =>
    until(`run ${id} is settled`, async () =>
      (await api.ask('GET', `/api/runs/${id}`)).body.cloud_status === 'pending' ? null : true,
    )
  const start = (body: object, headers: Record<string, string> = {}) =>
    api.ask('POST', '/api/runs', body, headers)

  it('a run is the same by any name of its archive, and a conflict names what was sent', async () => {
    const [{ slug }, other] = [await system.bind(), await system.bind()]
    const archive = await system.writeArchive(`${slug}/x.dump`, randomBytes(100))
    const another = await system.writeArchive(`${slug}/y.dump`, randomBytes(100))
    const absolute = join(system.config.backupRoot, archive)
    for (const named of ['run_id', 'key'] as const) {
      const name = randomName('night')
      const own = named === 'run_id' ? { run_id: name } : {}
      const headers = named === 'key' ? { 'idempotency-key': name } : {}
      const ask = (body: object) => start({ instance: slug, archive, ...own, ...body }, headers)
      const first = await ask({})
      assert.equal(first.status, 202, first.text)
      await settled(text(first.body.id))
      for (const same of [absolute, `./${archive}`, archive.replace('/', '//')]) {
        const again = await ask({ archive: same })
        assert.equal(again.status, 202, again.text)
        assert.deepEqual([again.body.id, again.body.archive], [first.body.id, archive])
      }
      const path = named === 'key' ? 'Idempotency-Key' : 'run_id'
      const refused = await ask({ archive: another })
      assert.deepEqual(assertProblem(refused, 409), [path])
      assert.equal(refused.body.detail, `This ${path} belongs to another archive.`)
      assert.equal(refused.body.code, 'run_id_conflict')
      const elsewhere = await ask({ instance: other.slug })
      assert.deepEqual(assertProblem(elsewhere, 409), [path])
      assert.equal(elsewhere.body.detail, `This ${path} belongs to a run of another instance.`)
      const database = await ask({ database: 'test' })
      assert.deepEqual(assertProblem(database, 409), ['database'])
      const words = named === 'key' ? 'this Idempotency-Key' : 'this ID'
      assert.equal(database.body.detail, `The run of ${words} was started with another database.`)
    }
  })
})

describe('two names of an archive', () => {
  const root = '/backups'
  const run = { archive: 'acme/x.dump', archive_path: null }

  it('two names of an archive mean one file when they lead to one place', () => {
    for (const same of ['acme/x.dump', './acme//x.dump', '/backups/acme/x.dump', '/backups/./acme/x.dump']) {
      assert.equal(isArchiveOf(run, same, root), true, same)
    }
    for (const other of ['acme/y.dump', '/backups/other/acme/x.dump', '/acme/x.dump', 'x.dump']) {
      assert.equal(isArchiveOf(run, other, root), false, other)
    }
    assert.equal(isArchiveOf({ ...run, archive: '/backups/acme/x.dump' }, 'acme/x.dump', root), true)
  })

  it('two names of an archive mean one file when one is the real path of the other', () => {
    const linked = { ...run, archive_path: '/mnt/disk/acme/x.dump' }
    assert.equal(isArchiveOf(linked, '/mnt/disk/acme/x.dump', root), true)
    assert.equal(isArchiveOf(linked, '/mnt/disk/acme/y.dump', root), false)
  })

  it('two names of an archive are compared without a root as far as possible', () => {
    assert.equal(isArchiveOf(run, './acme/x.dump'), true)
    assert.equal(isArchiveOf(run, resolve('/backups', 'acme/x.dump')), false)
  })
})
