// Retention at a provider with faults: in doubt nothing is deleted, the run ends soon and says why, and it names what was deleted
// although an answer got lost.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { listAudit } from '../../db/views/audit.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { ALL_CLOUDS } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'

const KINDS = ['google_drive', 'dropbox', 'onedrive'] as const
const OLD = ['old-1.zip', 'old-2.zip', 'old-3.zip', 'old-4.zip', 'old-5.zip', 'old-6.zip']

describe('retention', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem(ALL_CLOUDS)
  })
  after(() => system.close())

  const cloudOf = (kind: (typeof KINDS)[number]): CloudDouble => {
    const cloud = system.clouds.find((each) => each.kind === kind)
    assert.ok(cloud !== undefined)
    cloud.server.faults.clear()
    return cloud
  }

  const syncOver = async (cloud: CloudDouble, keep_last: number) => {
    const { slug, bindings } = await system.bind({ keep_last }, [cloud])
    for (const [n, name] of OLD.entries())
      cloud.putFile(`/odoo-backups/${slug}/${name}`, Buffer.from(name), `2026-01-0${n + 1}T00:00:00Z`)
    const archive = await system.writeArchive(`${slug}/new.zip`, randomBytes(1000))
    const result = await system.sync({ instance: slug, archive })
    const state = result.destinations[bindings[0]?.account_id ?? '']
    const { items } = await listAudit(system.db, { run_id: result.run_id, limit: 100 })
    return { state, items, left: cloud.files(`/odoo-backups/${slug}`).length }
  }

  it('retention deletes nothing and ends with an error when a page of the listing never comes', async () => {
    const cloud = cloudOf('onedrive')
    cloud.server.faults.add({
      operation: 'list',
      after: 1,
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'status', status: 503 },
    })
    const { state, items, left } = await syncOver(cloud, 2)
    assert.equal(state?.status, 'uploaded')
    assert.equal(state.retention?.error?.code, 'provider_unavailable')
    assert.deepEqual([state.retention.deleted, left], [[], OLD.length + 1])
    const failed = items.filter(({ event }) => event === 'prune_failed')
    assert.equal(failed.length, 1)
    assert.match(JSON.stringify(failed[0]?.details), /provider_unavailable/)
  })

  for (const kind of KINDS) {
    it(`retention names every file that it deleted, also the one whose answer got lost, at ${kind}`, async () => {
      const cloud = cloudOf(kind)
      cloud.server.faults.add({ operation: 'delete', after: 1, action: { kind: 'lose_answer' } })
      const { state, items, left } = await syncOver(cloud, 3)
      assert.deepEqual([state?.retention?.error, state?.retention?.deleted, left], [null, OLD.slice(0, 4), 3])
      assert.equal(items.filter(({ event }) => event === 'file_deleted').length, 4)
    })
  }
})
