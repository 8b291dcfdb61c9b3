// A copy that the provider accepted and does not have: its answer was wrong, or somebody deleted the copy before the proof. It is
// sent again soon, and once; a copy that vanishes again fails with a code of its own.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { listAudit } from '../../db/views/audit.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { createGate } from '../clouds/faults.ts'
import { ALL_CLOUDS } from '../support/clouds.ts'
import { listUploadedFiles } from '../support/rows.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'

const MIB = 1024 * 1024
const WAYS = [
  { size: MIB, last: { google_drive: 'chunk', dropbox: 'upload', onedrive: 'single' } },
  { size: 9 * MIB, last: { google_drive: 'chunk', dropbox: 'finalise', onedrive: 'chunk' } },
] as const
const PROOF = { google_drive: 'get', dropbox: 'metadata', onedrive: 'get' } as const

describe('a copy that vanishes', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem(ALL_CLOUDS, { patience: { fileMs: 2_000, lookAgainMs: 100 } })
  })
  after(() => system.close())

  async function aRun(size: number) {
    const bound = await system.bind()
    const archive = await system.writeArchive(`${bound.slug}/x.dump`, randomBytes(size))
    const path = `/odoo-backups/${bound.slug}/x.dump`
    for (const cloud of system.clouds) cloud.server.faults.clear()
    return { ...bound, archive, path }
  }

  /** Removes the file when the provider has handled the last request of the upload, before it answers. */
  async function takeAway(cloud: CloudDouble, operation: string, path: string): Promise<void> {
    const gate = createGate()
    cloud.server.faults.add({ operation, action: { kind: 'hold', at: 'answer', gate } })
    await gate.reached
    cloud.removeFile(path)
    gate.open()
  }

  for (const { size, last } of WAYS) {
    it(`a copy of ${size} bytes that an answer only pretended is sent again`, async () => {
      const { slug, archive, path, bindings } = await aRun(size)
      const taken = Promise.all(system.clouds.map((cloud) => takeAway(cloud, last[cloud.kind], path)))
      const run = await system.start({ instance: slug, archive })
      await taken
      const { status, destinations } = await run.result()
      assert.equal(status, 'uploaded')
      const ledger = (await listUploadedFiles(system.db, run.runId)).map(({ remote_id }) => remote_id)
      const { items } = await listAudit(system.db, { run_id: run.runId, limit: 200 })
      assert.equal(items.filter(({ event }) => event === 'copy_vanished').length, 3)
      for (const [index, cloud] of system.clouds.entries()) {
        const state = destinations[bindings[index]?.account_id ?? '']
        assert.deepEqual(
          cloud.files(`/odoo-backups/${slug}`).map(({ id }) => id),
          [state?.remote_id],
          cloud.kind,
        )
        assert.ok(ledger.includes(state?.remote_id ?? ''))
      }
    })
  }

  it('a copy that somebody deleted before the proof is sent again', async () => {
    const { slug, archive, path } = await aRun(MIB)
    const { last } = WAYS[0]
    const ended = Promise.all(
      system.clouds.map(async (cloud) => {
        const [sent, proof] = [createGate(), createGate()]
        const { faults } = cloud.server
        faults.add({ operation: last[cloud.kind], action: { kind: 'hold', at: 'answer', gate: sent } })
        await sent.reached
        faults.add({ operation: PROOF[cloud.kind], action: { kind: 'hold', at: 'request', gate: proof } })
        sent.open()
        await proof.reached
        cloud.removeFile(path)
        proof.open()
      }),
    )
    const run = await system.start({ instance: slug, archive })
    await ended
    assert.equal((await run.result()).status, 'uploaded')
    for (const cloud of system.clouds)
      assert.equal(cloud.files(`/odoo-backups/${slug}`).length, 1, cloud.kind)
  })

  it('a copy that vanishes twice fails as copy_vanished', async () => {
    const { slug, archive, path } = await aRun(MIB)
    const { last } = WAYS[0]
    const taken = Promise.all(
      system.clouds.map(async (cloud) => {
        for (const _ of [1, 2]) await takeAway(cloud, last[cloud.kind], path)
      }),
    )
    const run = await system.start({ instance: slug, archive })
    await taken
    const { destinations } = await run.result()
    assert.deepEqual(
      Object.values(destinations).map(({ status, error }) => [status, error?.code]),
      Array.from({ length: 3 }, () => ['failed', 'copy_vanished']),
    )
    const again = await system.sync({ instance: slug, archive, run_id: run.runId })
    assert.equal(again.status, 'uploaded')
    for (const cloud of system.clouds)
      assert.equal(cloud.files(`/odoo-backups/${slug}`).length, 1, cloud.kind)
  })
})
