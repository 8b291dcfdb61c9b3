// The workflow of an upload continues as new in the middle of it. The upload goes on in the same session, and sends no byte that
// the provider has.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { listAttempts } from '../../db/uploads/attempts.ts'
import { EMULATORS, sha256 } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'

const MIB = 1024 * 1024
const SIZE = 25 * MIB
const STORED = 15 * MIB

describe('an upload at 60 percent', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem([EMULATORS.google_drive], {
      extraArgs: ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=15'],
    })
  })
  after(() => system.close())

  it("an upload whose workflow continues as new goes on in its session from the provider's offset", async () => {
    const [cloud] = system.clouds
    assert.ok(cloud !== undefined)
    const { slug, bindings } = await system.bind({}, [cloud])
    const content = randomBytes(SIZE)
    const archive = await system.writeArchive(`${slug}/x.dump`, content)
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'reset_after', bytes: STORED } })
    // The connection is back, and the provider answers ten times that it is busy.
    const struck = cloud.server.faults.add({
      operation: 'status',
      times: 10,
      action: { kind: 'status', status: 503, headers: { 'Retry-After': '1' } },
    })
    const { run_id, status } = await system.sync({ instance: slug, archive })
    assert.equal(status, 'uploaded')
    assert.equal(struck(), 10)

    const child = system.temporal.client.workflow.getHandle(
      `cloud-sync/${slug}/${run_id}/${bindings[0]?.account_id}`,
    )
    const { raw, runId } = await child.describe()
    assert.notEqual(raw.workflowExecutionInfo?.firstRunId, runId, 'it has continued as new')
    const files = cloud.files(`/odoo-backups/${slug}`)
    assert.deepEqual(
      files.map((file) => sha256(file.content ?? Buffer.alloc(0))),
      [sha256(content)],
    )
    const opened = cloud.server.requests.filter(({ operation }) => operation === 'open')
    assert.equal(opened.length, 1, 'one session')
    const attempts = await listAttempts(system.db, run_id)
    assert.equal(attempts.length, 11)
    const last = attempts.at(-1)
    assert.ok(last !== undefined && last.from_offset > 0 && last.from_offset <= STORED)
    assert.equal(last.bytes_sent, SIZE - last.from_offset, 'only what the provider lacked')
    assert.equal(cloud.server.bytesReceived('chunk') <= STORED + SIZE - last.from_offset, true)
  })
})
