import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import {
  createPruneActivities,
  type PruneInput,
  type PruneOutcome,
} from '../../../activities/retention/prune.ts'
import { createBinding } from '../../../db/instances/bindings.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { createTestDeps, type TestDeps } from '../../support/activity-deps.ts'
import { someAccount, someRun } from '../../support/rows.ts'
import { createMemoryProvider } from '../../support/uploads/memory-provider.ts'

describe('a plan of what to delete', () => {
  let deps: TestDeps
  before(async () => {
    deps = await createTestDeps()
  })
  after(() => deps.close())

  async function carryOut(change: (input: PruneInput) => unknown) {
    const run = await someRun(deps.db)
    const account = await someAccount(deps.db)
    const binding = await createBinding(deps.db, {
      instance_slug: run.instance_slug,
      account_id: account.id,
      remote_path: '/backups/',
      keep_last: 2,
    })
    const provider = createMemoryProvider()
    const files = ['1.zip', '2.zip'].map((name) => provider.put(name, Buffer.from(name)))
    const deleted: string[] = []
    const { pruneRemote } = createPruneActivities({
      ...deps,
      accounts: {
        open: async (id) => ({
          id,
          name: account.name,
          provider: {
            ...provider,
            deleteFile: async ({ id: fileId }) => {
              deleted.push(fileId)
              return 'deleted'
            },
          },
        }),
      },
    })
    const input = change({
      run_id: run.id,
      instance: run.instance_slug,
      account_id: account.id,
      binding_id: binding.id,
      folder: '/backups',
      keep_last: 2,
      retention_scope: 'folder',
      files,
    })
    const environment = new MockActivityEnvironment(
      {},
      { logger: new DefaultLogger('ERROR', () => undefined) },
    )
    // As it comes out of a history: JSON that another version may have written.
    const outcome = await environment.run<[PruneInput], PruneOutcome, typeof pruneRemote>(
      pruneRemote,
      JSON.parse(JSON.stringify(input)),
    )
    const { items } = await listAudit(deps.db, { run_id: run.id, event: 'prune_skipped', limit: 10 })
    return { outcome, deleted, reasons: items.map((entry) => entry.details.reason) }
  }

  it('is carried out while the binding asks for what it was made from', async () => {
    const { outcome, deleted, reasons } = await carryOut((input) => input)
    assert.deepEqual(outcome, { deleted: ['1.zip', '2.zip'], error: null })
    assert.deepEqual([deleted.length, reasons], [2, []])
  })

  const others = [
    ['for another number of copies', 'retention_changed', { keep_last: 1 }],
    ['for another scope', 'retention_changed', { retention_scope: 'own' }],
    ['for another folder', 'folder_changed', { folder: '/other' }],
    ['of a binding that is gone', 'binding_deleted', { binding_id: '00000000-0000-0000-0000-000000000000' }],
  ] as const
  for (const [what, reason, change] of others) {
    it(`${what} is not carried out, but made anew`, async () => {
      const { outcome, deleted, reasons } = await carryOut((input) => ({ ...input, ...change }))
      assert.deepEqual(outcome, { deleted: [], error: null, is_outdated: true })
      assert.deepEqual([deleted, reasons], [[], [reason]])
    })
  }

  it('that does not say what it was made from, as those of earlier versions, is made anew as well', async () => {
    const { outcome, deleted } = await carryOut(
      ({ folder, keep_last, retention_scope, ...earlier }) => earlier,
    )
    assert.deepEqual(outcome, { deleted: [], error: null, is_outdated: true })
    assert.deepEqual(deleted, [])
  })
})
