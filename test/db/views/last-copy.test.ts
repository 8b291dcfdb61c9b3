// The last successful upload of a binding, as pages and metrics show it.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createBinding } from '../../../db/instances/bindings.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { recordRun } from '../../../db/runs/runs.ts'
import type { Binding } from '../../../db/schema.ts'
import { listBindingViews } from '../../../db/views/bindings.ts'
import { readSyncFigures } from '../../../db/views/figures.ts'
import type { DestinationState } from '../../../workflows/types.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { pendingDestination, randomName, someAccount, someInstance } from '../../support/rows.ts'

const hash = { algorithm: 'dropbox_content_hash', value: 'ab'.repeat(32) } as const
const error = { code: 'archive_missing', message: 'It is gone.', retryable: false }

describe('the last copy of a binding', () => {
  let test: TestDatabase
  let binding: Binding
  before(async () => {
    test = await createTestDatabase()
    const { slug } = await someInstance(test.db)
    const { id } = await someAccount(test.db)
    binding = await createBinding(test.db, { instance_slug: slug, account_id: id })
  })
  after(() => test.close())

  const run = async (change: Partial<DestinationState>, id = randomName('run')) => {
    const { instance_slug, account_id, id: binding_id } = binding
    await recordRun(test.db, { id, instance_slug, archive: `${id}.zip`, workflow_id: 'w' })
    await beginSync(test.db, id, { [account_id]: pendingDestination({ binding_id, ...change }) })
    return id
  }
  const proven = (finished_at: string, size: number, bytes_sent = size): Partial<DestinationState> => ({
    status: 'uploaded',
    remote_id: 'id:1',
    remote_path: '/x',
    hash,
    finished_at,
    size,
    bytes_sent,
  })
  const shown = async () => {
    const [view] = await listBindingViews(test.db, { instance: binding.instance_slug })
    const figures = await readSyncFigures(test.db)
    const figure = figures.bindings.find(({ instance }) => instance === binding.instance_slug)
    const pages = [view?.last_copy_at ?? null, view?.last_copy_size ?? null]
    assert.deepEqual([figure?.last_copy_at ?? null, figure?.last_copy_size ?? null], pages)
    return pages
  }

  it('the last copy of a binding is that of the newest run with a proven one, also when nothing had to be sent for it', async () => {
    assert.deepEqual(await shown(), [null, null])
    const first = await run(proven('2026-11-20T02:00:00.000Z', 10))
    assert.deepEqual(await shown(), ['2026-11-20T02:00:00.000Z', 10])
    await run(proven('2026-11-21T02:00:00.000Z', 11, 0))
    assert.deepEqual(await shown(), ['2026-11-21T02:00:00.000Z', 11])
    await run({ status: 'failed', error, finished_at: '2026-11-22T02:00:00.000Z' })
    assert.deepEqual(await shown(), ['2026-11-21T02:00:00.000Z', 11])
    // An old backup that is uploaded again does not change it.
    await run(proven('2026-11-23T02:00:00.000Z', 10), first)
    assert.deepEqual(await shown(), ['2026-11-21T02:00:00.000Z', 11])
  })
})
