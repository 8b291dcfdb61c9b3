// Rule 5: nobody sees a secret. What uploads with many faults leave behind is searched for the planted secrets: workflow
// histories, the database outside of sealed columns, and at the end the log. test/support/secrets/secret-search.ts searches what
// other tests leave behind.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { ALL_CLOUDS } from '../support/clouds.ts'
import { secretsOf } from '../support/secrets/planted-secrets.ts'
import { searchDatabase, searchHistories } from '../support/secrets/secret-search.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'

const LARGE = 24 * 1024 * 1024

describe('no secret', () => {
  let system: TestSystem
  let secrets: readonly string[]
  before(async () => {
    system = await createTestSystem(ALL_CLOUDS)
    secrets = secretsOf(system.clouds)
    assert.ok(secrets.length >= 4, 'there are too few planted secrets for this test to mean anything')
    const { slug } = await system.bind({ keep_last: 1 })
    const faulty = [
      { operation: 'open', action: { kind: 'status', status: 503 } },
      { operation: 'chunk', action: { kind: 'reset_after', bytes: 1_000_000 } },
      { operation: 'chunk', action: { kind: 'truncate_answer' } },
      { action: { kind: 'own', name: 'flip_bit' } },
    ] as const
    for (const cloud of system.clouds) for (const fault of faulty) cloud.server.faults.add(fault)
    await system.sync({
      instance: slug,
      archive: await system.writeArchive(`${slug}/x.dump`, randomBytes(LARGE)),
    })
    for (const cloud of system.clouds) {
      cloud.server.faults.clear()
      // The provider's message of a refusal may quote what it was given.
      const body = {
        error: { code: 403, message: `refused ${secrets.join(' ')}`, errors: [{ reason: 'forbidden' }] },
      }
      cloud.server.faults.add({ operation: 'token', times: 5, action: { kind: 'status', status: 400, body } })
      cloud.server.faults.add({ operation: 'open', times: 5, action: { kind: 'status', status: 403, body } })
    }
    await system.sync({
      instance: slug,
      archive: await system.writeArchive(`${slug}/y.dump`, randomBytes(LARGE)),
    })
  })
  after(() => system.close())

  it('no secret stands in the history of any workflow', async () => {
    const histories = await searchHistories(system.temporal.client)
    assert.ok(histories >= 8, `only ${histories} workflows were searched`)
  })

  it('no secret stands in the database outside of sealed columns', () => searchDatabase(system.db))
})
