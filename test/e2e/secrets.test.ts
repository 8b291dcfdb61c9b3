// Rule 5: nobody sees a secret. Everything that a sync leaves behind is searched for what went in: workflow histories, the
// database outside of sealed columns, logs, and the errors of failed uploads.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { ALL_CLOUDS } from '../support/clouds.ts'
import { assertNoSecret, secretsOf } from '../support/secrets.ts'
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
      // The provider's own words of a refusal may quote what they were given.
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

  const search = (where: string, text: string) => assertNoSecret(where, text, secrets)

  it('stands in the history of any workflow', async () => {
    let histories = 0
    for await (const execution of system.temporal.client.workflow.list()) {
      const handle = system.temporal.client.workflow.getHandle(execution.workflowId, execution.runId)
      search(execution.workflowId, textOf(await handle.fetchHistory()))
      search(execution.workflowId, textOf((await handle.describe()).raw))
      histories += 1
    }
    assert.ok(histories >= 8, `only ${histories} workflows were searched`)
  })

  it('stands in the database outside of sealed columns', async () => {
    const tables = await sql<{
      name: string
    }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(system.db)
    for (const { name } of tables.rows) {
      const rows = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(system.db)
      for (const row of rows.rows) {
        const open = Object.entries(row).filter(([column]) => !column.startsWith('sealed_'))
        search(`table ${name}`, JSON.stringify(Object.fromEntries(open)))
      }
    }
  })
})

/** Payloads are bytes: they are read as the text that they carry. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Uint8Array) return Buffer.from(part).toString('utf8')
    return typeof part === 'bigint' ? part.toString() : part
  })
}
