// What the pages read from the database: safety, failures by cause, bytes by day, drafts and checks of accounts, searches.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { deleteDraft, openDraft, saveDraft } from '../../../db/accounts/account-drafts.ts'
import { deleteAccount } from '../../../db/accounts/accounts.ts'
import { openAccount } from '../../../db/accounts/credentials.ts'
import { appendAudit } from '../../../db/audit.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { createBinding } from '../../../db/instances/bindings.ts'
import { beginSync, saveDestination } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { listRuns } from '../../../db/runs/history.ts'
import { recordRun } from '../../../db/runs/runs.ts'
import { markFileDeleted, recordUploadedFile } from '../../../db/uploads/uploaded-files.ts'
import { listAccountViews, saveAccountCheck } from '../../../db/views/accounts.ts'
import { listAudit } from '../../../db/views/audit.ts'
import { getInstanceView } from '../../../db/views/instances.ts'
import { listFailureCauses, listUploadedBytes } from '../../../db/views/overview.ts'
import { storedBytes } from '../../../db/views/stored-bytes.ts'
import type { DestinationState } from '../../../workflows/types.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import {
  pendingDestination,
  randomName,
  someAccount,
  someInstance,
  someRun,
  testVault,
} from '../../support/rows.ts'

const UPLOADED: Partial<DestinationState> = {
  status: 'uploaded',
  remote_id: 'id:1',
  remote_path: '/x.dump',
  size: 1000,
  bytes_sent: 1000,
  hash: { algorithm: 'md5', value: 'x' },
}
const FULL = { code: 'storage_quota_exceeded', message: 'full', retryable: false }

describe('what the pages ask', () => {
  let test: TestDatabase
  before(async () => {
    test = await createTestDatabase()
  })
  after(() => test.close())

  async function runOf(
    slug: string,
    change: Partial<DestinationState>,
    status: 'uploaded' | 'failed' | null,
  ) {
    const id = randomName('run')
    const { run } = await recordRun(test.db, {
      id,
      instance_slug: slug,
      archive: `${slug}/${id}.dump`,
      workflow_id: `cloud-sync/${slug}/${id}`,
    })
    const account = await someAccount(test.db)
    await beginSync(test.db, id, { [account.id]: pendingDestination() })
    if (status === null) return { run, account }
    const finished_at = new Date(await databaseNow(test.db)).toISOString()
    await saveDestination(test.db, id, account.id, { ...change, finished_at })
    await finishSync(test.db, id, status)
    return { run, account }
  }

  const safetyOf = async (slug: string) => (await getInstanceView(test.db, slug))?.safety

  it('an instance is safe when its newest backup has a whole copy, and not because an older one has', async () => {
    const { slug } = await someInstance(test.db)
    assert.equal(await safetyOf(slug), 'no_backup')
    const first = await runOf(slug, UPLOADED, 'uploaded')
    assert.equal(await safetyOf(slug), 'safe')
    await runOf(slug, { status: 'failed', error: FULL }, 'failed')
    const view = await getInstanceView(test.db, slug)
    assert.equal(view?.safety, 'unsafe')
    assert.equal(view?.last_safe_at, first.run.created_at)
    await runOf(slug, {}, null)
    assert.equal(await safetyOf(slug), 'in_progress')
    assert.equal(await getInstanceView(test.db, 'nobody'), null)
  })

  it('failures are counted by cause and account, bytes by day and account', async () => {
    const { slug } = await someInstance(test.db)
    const failed = await runOf(slug, { status: 'failed', error: FULL }, 'failed')
    const copied = await runOf(slug, UPLOADED, 'uploaded')
    const causes = await listFailureCauses(test.db)
    const own = causes.find(({ newest_run_id }) => newest_run_id === failed.run.id)
    assert.equal(own?.code, 'storage_quota_exceeded')
    assert.equal(own?.error.message, 'full')
    const bytes = await listUploadedBytes(test.db, 30)
    const today = bytes.find(({ account_id }) => account_id === copied.account.id)
    assert.equal(today?.bytes, 1000)
    assert.equal(today?.day, new Date(await databaseNow(test.db)).toISOString().slice(0, 10))
  })

  it('storage over time counts a file from its upload to its deletion', async () => {
    const run = await someRun(test.db)
    const now = await databaseNow(test.db)
    const daysAgo = (days: number) => new Date(now - days * 86_400_000).toISOString()
    for (const [remote_id, age] of [
      ['old', 10],
      ['new', 2],
    ] as const) {
      const hash = { algorithm: 'md5', value: 'x' } as const
      const file = { account_id: 'a', remote_id, run_id: run.id, remote_path: '/x', size: 100, hash }
      await recordUploadedFile(test.db, { ...file, uploaded_at: daysAgo(age) })
    }
    await markFileDeleted(test.db, { account_id: 'a', remote_id: 'old', deleted_at: daysAgo(1) })
    const days = await storedBytes(test.db, run.instance_slug, 14)
    assert.equal(days.length, 14)
    assert.deepEqual(
      [13, 10, 5, 2, 0].map((back) => days.at(-1 - back)?.bytes),
      [0, 100, 100, 200, 100],
    )
  })

  it('a draft opens like an account, under its own ID, until it is deleted or too old', async () => {
    const credentials = { access_token: 'tried' }
    const draft = { name: 'x', provider: 'dropbox', credentials, settings: {} } as const
    const id = await saveDraft(test.db, testVault, draft)
    assert.equal(await openAccount(test.db, testVault, id), null)
    assert.deepEqual((await openDraft(test.db, testVault, id))?.credentials, credentials)
    const { rows } = await sql<{ text: string }>`select d::text as text from account_drafts d`.execute(
      test.db,
    )
    assert.ok(!rows.some(({ text }) => text.includes('tried')))
    await deleteDraft(test.db, id)
    assert.equal(await openDraft(test.db, testVault, id), null)
    const old = await saveDraft(test.db, testVault, draft)
    await test.db.updateTable('account_drafts').set({ expires_at: '2020-01-01T00:00:00Z' }).execute()
    assert.equal(await openDraft(test.db, testVault, old), null)
    await saveDraft(test.db, testVault, draft)
    const left = await test.db.selectFrom('account_drafts').select('id').where('id', '=', old).execute()
    assert.deepEqual(left, [])
  })

  it('the list of accounts has the last check and the number of bindings of each', async () => {
    const account = await someAccount(test.db)
    const { slug } = await someInstance(test.db)
    const view = async () =>
      (await listAccountViews(test.db, testVault, { limit: 200 })).items.find(({ id }) => id === account.id)
    assert.equal((await view())?.check, null)
    await createBinding(test.db, { instance_slug: slug, account_id: account.id })
    const works = { ok: true, detail: 'fine', space: { used: 1, total: null }, error: null }
    await saveAccountCheck(test.db, account.id, { ...works, ok: false })
    await saveAccountCheck(test.db, account.id, works)
    assert.deepEqual((await view())?.check?.outcome, works)
    assert.equal((await view())?.binding_count, 1)
    const other = await someAccount(test.db)
    await saveAccountCheck(test.db, other.id, works)
    assert.equal(await deleteAccount(test.db, other.id), true)
    await saveAccountCheck(test.db, other.id, works)
  })

  it('a search of runs takes every character for itself, in upper and lower case', async () => {
    const run = await someRun(test.db, randomName('Needle_50%'.replace('%', '+')))
    const found = async (search: string) =>
      (await listRuns(test.db, { limit: 10, search })).items.map(({ id }) => id)
    assert.deepEqual(await found('needle_50'), [run.id])
    assert.deepEqual(await found('needle%50'), [])
    assert.deepEqual(await found('needlex50'), [])
    assert.deepEqual(await found('\\'), [])
  })

  it('a search of the audit trail reads it in pieces and misses none', async () => {
    await appendAudit(test.db, { actor: 'user:first', event: 'login_succeeded' })
    await sql`insert into audit_log (actor, event)
      select 'workflow', 'sync_started' from generate_series(1, 11000)`.execute(test.db)
    const found: string[] = []
    let cursor: string | null | undefined
    let pages = 0
    do {
      const page = await listAudit(test.db, { search: 'USER:FIRST', limit: 10, cursor: cursor ?? undefined })
      found.push(...page.items.map(({ actor }) => actor))
      cursor = page.next_cursor
      pages += 1
    } while (cursor !== null)
    assert.deepEqual(found, ['user:first'])
    assert.ok(pages >= 2)
  })
})
