// What the API asks of a provider: the answer fits a payload of Temporal, whatever the files are called.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { MockActivityEnvironment } from '@temporalio/testing'
import { createListRemoteFilesActivities } from '../../../activities/accounts/list-remote-files.ts'
import type { RemoteFile } from '../../../activities/providers/provider.ts'
import { createPreviewActivities } from '../../../activities/retention/preview.ts'
import { createBinding } from '../../../db/instances/bindings.ts'
import { createTestDeps, type TestDeps } from '../../support/activity-deps.ts'
import { someAccount, someInstance } from '../../support/rows.ts'
import { createMemoryProvider } from '../../support/uploads/memory-provider.ts'

/** Drive takes names of thousands of characters. */
const LONG = '備'.repeat(500)
/** The server's limit of one payload. */
const PAYLOAD_BYTES = 2 * 1024 * 1024

describe('a folder of many files with long names', () => {
  let deps: TestDeps
  let binding_id: string
  const files: RemoteFile[] = []
  before(async () => {
    deps = await createTestDeps()
    const account = await someAccount(deps.db)
    const { slug } = await someInstance(deps.db)
    binding_id = (await createBinding(deps.db, { instance_slug: slug, account_id: account.id })).id
    const provider = createMemoryProvider()
    for (let index = 0; index < 5_000; index += 1) {
      files.push(provider.put(`${String(index).padStart(5, '0')}${LONG}.zip`, Buffer.from('x')))
    }
    async function* listFiles() {
      yield files
    }
    const folder = { id: 'folder', path: '/backups' }
    const opened = { ...provider, listFiles, findFolder: async () => folder }
    const accounts = { open: async (id: string) => ({ id, name: account.name, provider: opened }) }
    deps = { ...deps, accounts }
  })
  after(() => deps.close())

  const ask = async <T>(question: () => Promise<T>): Promise<T> => new MockActivityEnvironment().run(question)

  it('is listed as far as an answer goes, newest first, and said to be cut', async () => {
    const { listRemoteFiles } = createListRemoteFilesActivities(deps)
    const listing = await ask(() => listRemoteFiles({ binding_id }))
    assert.ok(Buffer.byteLength(JSON.stringify(listing)) < PAYLOAD_BYTES)
    assert.equal(listing.truncated, true)
    assert.ok(listing.files.length > 500)
    assert.equal(listing.files[0]?.id, files.at(-1)?.id)
  })

  it('is planned to be pruned as far as an answer goes, and said to be cut', async () => {
    const { previewPrune } = createPreviewActivities(deps)
    const preview = await ask(() => previewPrune({ binding_id, keep_last: 2_000 }))
    assert.ok(Buffer.byteLength(JSON.stringify(preview)) < PAYLOAD_BYTES)
    assert.equal(preview.truncated, true)
    assert.ok(preview.delete.length > 300 && preview.keep.length > 300)
  })
})
