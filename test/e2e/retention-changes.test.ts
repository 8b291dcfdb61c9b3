// A binding may be changed, switched off or deleted while a file of it is on its way. Afterwards files are deleted by the binding
// as it is then, and never as it was.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { deleteBinding, updateBinding } from '../../db/instances/bindings.ts'
import { listAudit } from '../../db/views/audit.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { EMULATORS } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

const OLD = ['old-1.zip', 'old-2.zip', 'old-3.zip']

describe('a binding that changes during an upload', () => {
  let system: TestSystem
  let cloud: CloudDouble
  before(async () => {
    system = await createTestSystem([EMULATORS.dropbox])
    const [only] = system.clouds
    assert.ok(only !== undefined)
    cloud = only
  })
  after(() => system.close())

  /** Runs until a request of this kind is being answered, lets the binding be changed, and waits for the end. */
  async function syncAround(
    operation: 'upload' | 'delete',
    change: (bindingId: string) => Promise<unknown>,
    values: Parameters<TestSystem['bind']>[0] = { keep_last: 1 },
  ) {
    const { slug, bindings } = await system.bind(values)
    const [binding] = bindings
    assert.ok(binding !== undefined)
    for (const [n, name] of OLD.entries()) {
      cloud.putFile(`/odoo-backups/${slug}/${name}`, Buffer.from(name), `2026-01-0${n + 1}T00:00:00Z`)
    }
    const archive = await system.writeArchive(`${slug}/new.zip`, randomBytes(1000))
    cloud.server.faults.clear()
    const struck = cloud.server.faults.add({ operation, action: { kind: 'delay', ms: 1_000 } })
    const run = await system.start({ instance: slug, archive })
    await until(`the ${operation} is under way`, async () => (struck() > 0 ? true : null))
    await change(binding.id)
    const result = await run.result()
    const { items } = await listAudit(system.db, { run_id: result.run_id, limit: 200 })
    return {
      slug,
      status: result.status,
      retention: result.destinations[binding.account_id]?.retention,
      left: cloud
        .files(`/odoo-backups/${slug}`)
        .map((file) => file.path.split('/').at(-1))
        .sort(),
      skipped: items
        .filter((entry) => entry.event === 'prune_skipped')
        .map((entry) => entry.details.reason)
        .reverse(),
    }
  }
  const patch = (values: Parameters<typeof updateBinding>[2]) => (id: string) =>
    updateBinding(system.db, id, values)

  const ends = [
    ['is switched off', 'binding_disabled', patch({ enabled: false })],
    ['is set to keep all', 'keeps_all', patch({ keep_last: null })],
    ['gets another folder', 'folder_changed', patch({ remote_path: '/elsewhere/{instance_slug}/' })],
    ['is deleted', 'binding_deleted', (id: string) => deleteBinding(system.db, id)],
  ] as const
  for (const [what, reason, change] of ends) {
    it(`a binding that changes during an upload and ${what} has nothing deleted, and the audit says why`, async () => {
      const { status, retention, left, skipped } = await syncAround('upload', change)
      assert.equal(status, 'uploaded')
      assert.equal(retention, null)
      assert.deepEqual(left, ['new.zip', ...OLD])
      assert.deepEqual(skipped, [reason])
    })
  }

  it('a binding that is raised during an upload keeps more', async () => {
    const { retention, left } = await syncAround('upload', patch({ keep_last: 30 }))
    assert.deepEqual(retention, { keep_last: 30, deleted: [], kept: 4, skipped: null, error: null })
    assert.deepEqual(left, ['new.zip', ...OLD])
  })

  it('a binding that is set to its own files during an upload leaves those of others', async () => {
    const { retention, left } = await syncAround('upload', patch({ retention_scope: 'own' }))
    assert.deepEqual(retention, { keep_last: 1, deleted: [], kept: 1, skipped: null, error: null })
    assert.deepEqual(left, ['new.zip', ...OLD])
  })

  it('a binding that still means the same folder has its retention, whatever else of it changed', async () => {
    const { retention, skipped } = await syncAround(
      'upload',
      patch({ remote_path: '//odoo-backups/{instance_slug}', keep_last: 2 }),
    )
    assert.deepEqual(retention?.deleted, ['old-1.zip', 'old-2.zip'])
    assert.deepEqual(skipped, [])
  })

  it('a binding that is raised in the middle of a prune drops the rest of the plan for a new one', async () => {
    const { retention, left, skipped } = await syncAround('delete', patch({ keep_last: 3 }))
    assert.deepEqual(retention, {
      keep_last: 3,
      deleted: ['old-1.zip'],
      kept: 3,
      skipped: null,
      error: null,
    })
    assert.deepEqual(left, ['new.zip', 'old-2.zip', 'old-3.zip'])
    assert.deepEqual(skipped, ['retention_changed'])
  })

  it('a binding that is switched off in the middle of a prune tells what was deleted until then', async () => {
    const { retention, left, skipped } = await syncAround('delete', patch({ enabled: false }))
    assert.equal(retention?.keep_last, 1)
    assert.deepEqual(retention?.deleted, ['old-1.zip'])
    assert.equal(retention?.error, null)
    assert.deepEqual(left, ['new.zip', 'old-2.zip', 'old-3.zip'])
    assert.deepEqual(skipped, ['binding_disabled', 'binding_disabled'])
  })
})
