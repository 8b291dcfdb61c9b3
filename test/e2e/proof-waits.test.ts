// A provider that does not state a copy's hash yet. The count of looks in vain must outlive every attempt of the proof, which
// only a real Temporal server shows.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { earlierLooks, type LooksInVain } from '../../activities/proofs/proof-patience.ts'
import { listAudit } from '../../db/views/audit.ts'
import { EMULATORS } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

/** More than one request takes, in one fragment: QuickXorHash takes no notice of two equal flips a multiple of 160 bytes apart. */
const LARGE = 5 * 1024 * 1024

describe('a copy whose hash is late', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem([EMULATORS.onedrive])
  })
  after(() => system.close())

  it('a copy without its hash is not taken for proven, and every look in vain counts over the attempts', async () => {
    const [cloud] = system.clouds
    assert.ok(cloud !== undefined)
    const { slug, bindings } = await system.bind()
    const accountId = bindings[0]?.account_id ?? ''
    cloud.server.faults.add({
      operation: 'get',
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'own', name: 'omit_hashes' },
    })
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(1000))
    const run = await system.start({ instance: slug, archive })
    const child = system.temporal.client.workflow.getHandle(`cloud-sync/${slug}/${run.runId}/${accountId}`)
    const looksAt = async (count: number): Promise<LooksInVain | null> => {
      const description = await child.describe().catch(() => null)
      const pending = description?.raw.pendingActivities?.find(
        (activity) => activity.activityType?.name === 'verifyUpload',
      )
      const data = pending?.heartbeatDetails?.payloads?.[0]?.data
      // The heartbeats of an attempt before its first look carry no details.
      const looks = data?.byteLength ? earlierLooks(JSON.parse(Buffer.from(data).toString('utf8'))) : null
      return looks !== null && looks.looks >= count ? looks : null
    }
    const first = await until('a look was in vain', () => looksAt(1))
    const later = await until('one more was', () => looksAt(first.looks + 1))
    assert.deepEqual([later.lacking, later.since], ['hash', first.since])
    cloud.server.faults.clear()
    const { destinations } = await run.result()
    assert.equal(destinations[accountId]?.status, 'uploaded')
    assert.equal(destinations[accountId]?.hash?.algorithm, 'quickxorhash')
  })

  it('a copy whose hash never comes is read back and counts by its content', async () => {
    const { slug, bindings } = await system.bind()
    const { result, events } = await syncWithoutHashes(slug)
    const state = result.destinations[bindings[0]?.account_id ?? '']
    assert.deepEqual([state?.status, state?.hash?.algorithm], ['uploaded', 'quickxorhash'])
    assert.equal(
      events.find(({ event }) => event === 'upload_verified')?.details.verified_by,
      'size_and_content',
    )
  })

  it('a damaged copy whose hash is late is never taken for whole, and no good copy is deleted for it', async () => {
    const { slug, bindings } = await system.bind({ keep_last: 1 })
    const [cloud] = system.clouds
    const old = cloud?.putFile(`/odoo-backups/${slug}/old.zip`, Buffer.from('old'), '2026-01-01T00:00:00Z')
    cloud?.server.faults.add({ times: Number.POSITIVE_INFINITY, action: { kind: 'own', name: 'flip_bit' } })
    const { result } = await syncWithoutHashes(slug)
    const state = result.destinations[bindings[0]?.account_id ?? '']
    assert.deepEqual([state?.status, state?.error?.code], ['failed', 'hash_mismatch'])
    assert.deepEqual(
      cloud?.files(`/odoo-backups/${slug}`).map(({ id }) => id),
      [old?.id],
    )
  })

  it('a copy whose last answer was lost and whose hash is late is known by its content and not sent again', async () => {
    const { slug, bindings } = await system.bind()
    const [cloud] = system.clouds
    for (const operation of ['get', 'find', 'list'])
      cloud?.server.faults.add({
        operation,
        times: Number.POSITIVE_INFINITY,
        action: { kind: 'own', name: 'omit_hashes' },
      })
    cloud?.server.faults.add({ operation: 'chunk', action: { kind: 'lose_answer' } })
    const { result } = await syncWithoutHashes(slug)
    const state = result.destinations[bindings[0]?.account_id ?? '']
    assert.equal(state?.status, 'uploaded')
    assert.equal(cloud?.files(`/odoo-backups/${slug}`).length, 1)
  })

  async function syncWithoutHashes(slug: string) {
    const [cloud] = system.clouds
    cloud?.server.faults.add({
      operation: 'get',
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'own', name: 'omit_hashes' },
    })
    const archive = await system.writeArchive(`${slug}/x.zip`, randomBytes(LARGE))
    const result = await system.sync({ instance: slug, archive })
    cloud?.server.faults.clear()
    const { items } = await listAudit(system.db, { run_id: result.run_id, limit: 50 })
    return { result, events: items }
  }
})
