// Cancelling a run while its destinations tell of their progress: every destination ends as cancelled, the sessions are given
// up, and nothing half-written is left (design.md, "Contract: Temporal").

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { WorkflowFailedError } from '@temporalio/client'
import { isCancellation } from '@temporalio/workflow'
import { listAudit } from '../../db/audit.ts'
import { getRun } from '../../db/runs.ts'
import { destinationChangedSignal } from '../../workflows/messages.ts'
import { bindingWorkflowId } from '../../workflows/workflow-ids.ts'
import { ALL_CLOUDS } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

const LARGE = 24 * 1024 * 1024

describe('a cancelled run', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem(ALL_CLOUDS)
  })
  after(() => system.close())

  it('ends every destination as cancelled, also when progress is told at that very moment', async () => {
    const { slug, bindings } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.dump`, randomBytes(LARGE))
    for (const cloud of system.clouds)
      cloud.server.faults.add({
        operation: 'chunk',
        times: Number.POSITIVE_INFINITY,
        action: { kind: 'stall_after', bytes: 1_000_000 },
      })
    const run = await system.start({ instance: slug, archive })
    const states = async () => Object.values((await getRun(system.db, run.runId))?.cloud_sync_status ?? {})
    await until('all are uploading', async () => {
      const found = await states()
      return found.length === 3 && found.every(({ status }) => status === 'uploading') ? true : null
    })
    await run.cancel()
    // As attempts on their last breath do.
    for (const { account_id } of bindings) {
      const child = system.temporal.client.workflow.getHandle(bindingWorkflowId(slug, run.runId, account_id))
      for (let word = 0; word < 5; word += 1)
        await child.signal(destinationChangedSignal, { account_id, state: { bytes_sent: 1_000 + word } })
    }
    await assert.rejects(
      run.result(),
      (error) => error instanceof WorkflowFailedError && isCancellation(error.cause),
    )
    for (const cloud of system.clouds) cloud.server.faults.clear()
    assert.deepEqual(
      (await states()).map(({ status, error, finished_at }) => [status, error?.code, finished_at !== null]),
      Array.from({ length: 3 }, () => ['cancelled', 'cancelled', true]),
    )
    for (const cloud of system.clouds) {
      assert.equal(cloud.files(`/odoo-backups/${slug}`).length, 0, cloud.kind)
      // Dropbox has no call that gives a session up.
      if (cloud.kind !== 'dropbox') assert.equal(cloud.openSessions(), 0, cloud.kind)
    }
    const { items } = await listAudit(system.db, { run_id: run.runId, limit: 200 })
    const told = items.filter(({ event }) => event === 'upload_cancelled')
    assert.equal(new Set(told.map(({ account_id }) => account_id)).size, 3)
  })

  it('ends destinations as cancelled also when they had not begun', async () => {
    const { slug } = await system.bind()
    const archive = await system.writeArchive(`${slug}/x.dump`, randomBytes(1_000))
    for (const moment of [0, 20, 60, 120, 250]) {
      const run = await system.start({ instance: slug, archive })
      await delay(moment)
      await run.cancel()
      await run.result().catch(() => null)
      const recorded = await getRun(system.db, run.runId)
      // Cancelled before its first word was written, a run leaves nothing.
      if (recorded === null) continue
      const open = Object.values(recorded.cloud_sync_status).filter(({ finished_at }) => finished_at === null)
      assert.deepEqual(open, [], `cancelled after ${moment} ms`)
      assert.notEqual(recorded.cloud_status, 'pending')
    }
  })
})
