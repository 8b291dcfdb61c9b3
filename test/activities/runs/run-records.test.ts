import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { createFinishRunActivities, type FinishRunActivities } from '../../../activities/runs/finish-run.ts'
import { createRecordRunActivities, type RecordRunActivities } from '../../../activities/runs/record-run.ts'
import type { AuditEvent } from '../../../db/audit.ts'
import { databaseNow } from '../../../db/database-server.ts'
import { createBinding } from '../../../db/instances/bindings.ts'
import { getRun } from '../../../db/runs/runs.ts'
import type { Binding, Run } from '../../../db/schema.ts'
import { listAudit } from '../../../db/views/audit.ts'
import type { DestinationState } from '../../../workflows/types.ts'
import { createTestDeps, type TestDeps } from '../../support/activity-deps.ts'
import { randomName, saveArchive, someAccount, someInstance } from '../../support/rows.ts'

const DAY_MS = 86_400_000

describe('the record of a run', () => {
  let deps: TestDeps
  let activities: RecordRunActivities & FinishRunActivities
  before(async () => {
    deps = await createTestDeps()
    activities = { ...createRecordRunActivities(deps), ...createFinishRunActivities(deps) }
  })
  after(() => deps.close())

  async function anInstance(
    bindings: readonly Partial<Pick<Binding, 'enabled' | 'remote_path' | 'keep_last'>>[],
  ) {
    const { slug } = await someInstance(deps.db)
    const made: Binding[] = []
    for (const binding of bindings) {
      const { id: account_id } = await someAccount(deps.db)
      made.push(await createBinding(deps.db, { instance_slug: slug, account_id, ...binding }))
    }
    return { slug, accounts: made.map(({ account_id }) => account_id) }
  }
  const inputFor = (instance: string, more: object = {}) => {
    const run_id = randomName('run')
    return {
      run_id,
      workflow_id: `cloud-sync/${instance}/${run_id}`,
      instance,
      archive: 'acme/x.dump',
      ...more,
    }
  }
  async function begun(instance: string) {
    const input = inputFor(instance)
    await activities.recordRun(input)
    return input
  }
  async function record(id: string): Promise<Run> {
    const run = await getRun(deps.db, id)
    assert.ok(run)
    return run
  }
  /** While the database refuses this word of the audit: it is the last that a step writes. */
  async function withoutWord(event: AuditEvent, work: () => Promise<unknown>): Promise<void> {
    const refused = sql`check (event <> ${sql.lit(event)}) not valid`
    await sql`alter table audit_log add constraint refused ${refused}`.execute(deps.db)
    try {
      await work()
    } finally {
      await sql`alter table audit_log drop constraint refused`.execute(deps.db)
    }
  }
  async function events(run_id: string): Promise<readonly AuditEvent[]> {
    const { items } = await listAudit(deps.db, { run_id, limit: 50 })
    return items.map(({ event }) => event as AuditEvent).reverse()
  }
  const uploaded = (more: Partial<DestinationState> = {}): Partial<DestinationState> => ({
    status: 'uploaded',
    error: null,
    remote_id: 'f1',
    remote_path: '/odoo-backups/x.dump',
    size: 7,
    hash: { algorithm: 'md5', value: 'abc' },
    finished_at: new Date().toISOString(),
    ...more,
  })
  const failure = { code: 'storage_quota_exceeded', message: 'No space.', retryable: false }

  it('has a destination for every enabled binding, with its folder filled in', async () => {
    const { slug, accounts } = await anInstance([
      { keep_last: 3 },
      { enabled: false },
      { remote_path: '/x/{database}/' },
    ])
    const input = inputFor(slug, { database: 'prod' })
    const { destinations, status } = await activities.recordRun(input)
    assert.deepEqual(
      destinations.map(({ account_id, folder, keep_last }) => [account_id, folder, keep_last]),
      [
        [accounts[0], `/odoo-backups/${slug}`, 3],
        [accounts[2], '/x/prod', null],
      ],
    )
    assert.deepEqual(Object.keys(status).sort(), [accounts[0], accounts[2]].sort())
    const run = await record(input.run_id)
    assert.deepEqual([run.cloud_status, run.cloud_sync_status], ['pending', status])
    assert.deepEqual(await events(input.run_id), ['run_recorded', 'sync_started'])
  })

  it('is made once, however often the activity is tried', async () => {
    const { slug } = await anInstance([{}])
    const input = inputFor(slug)
    const first = await activities.recordRun(input)
    assert.deepEqual(await activities.recordRun(input), first)
    assert.equal((await events(input.run_id)).filter((event) => event === 'run_recorded').length, 1)
    await assert.rejects(activities.recordRun({ ...input, archive: 'other.dump' }), {
      kind: 'run_id_conflict',
    })
  })

  it('is limited to the accounts that are asked for, which must be bound', async () => {
    const { slug, accounts } = await anInstance([{}, {}])
    const only = await activities.recordRun(inputFor(slug, { account_ids: [accounts[1]] }))
    assert.deepEqual(
      only.destinations.map(({ account_id }) => account_id),
      [accounts[1]],
    )
    const input = inputFor(slug, { account_ids: [accounts[0], 'stranger'] })
    await assert.rejects(activities.recordRun(input), { code: 'unknown_account' })
    assert.equal(await getRun(deps.db, input.run_id), null)
    await assert.rejects(activities.recordRun(inputFor('no-such-instance')), { code: 'unknown_instance' })
  })

  it('fails a destination at once whose folder needs a database that the run has not, and no other', async () => {
    const { slug, accounts } = await anInstance([{}, { remote_path: '/x/{database}' }])
    const { destinations, status } = await activities.recordRun(inputFor(slug))
    assert.deepEqual(
      destinations.map(({ account_id }) => account_id),
      [accounts[0]],
    )
    const state = status[accounts[1] ?? '']
    assert.deepEqual([state?.status, state?.error?.code], ['failed', 'database_missing'])
    assert.ok(state?.finished_at)
  })

  it('starts a re-upload anew for its destinations and leaves the others as they were', async () => {
    const { slug, accounts } = await anInstance([{}, {}])
    const [good = '', bad = ''] = accounts
    const input = inputFor(slug)
    await activities.recordRun(input)
    await activities.saveDestination({ run_id: input.run_id, account_id: good, state: uploaded() })
    await activities.saveDestination({
      run_id: input.run_id,
      account_id: bad,
      state: { status: 'failed', error: failure, finished_at: new Date().toISOString() },
    })
    assert.equal((await activities.finishRun({ run_id: input.run_id })).status, 'failed')
    const { destinations, status } = await activities.recordRun({ ...input, account_ids: [bad] })
    assert.deepEqual(
      destinations.map(({ account_id }) => account_id),
      [bad],
    )
    assert.deepEqual(
      [status[good]?.status, status[bad]?.status, status[bad]?.error],
      ['uploaded', 'pending', null],
    )
    await activities.saveDestination({
      run_id: input.run_id,
      account_id: bad,
      state: uploaded({ remote_id: 'f2' }),
    })
    assert.equal((await activities.finishRun({ run_id: input.run_id })).status, 'uploaded')
  })

  it('is uploaded only when every destination is, and none when there is no destination', async () => {
    const none = inputFor((await anInstance([{ enabled: false }])).slug)
    assert.deepEqual((await activities.recordRun(none)).destinations, [])
    assert.deepEqual(await activities.finishRun({ run_id: none.run_id }), {
      status: 'none',
      destinations: {},
      pin: null,
      keep_archive: false,
    })
    const { slug, accounts } = await anInstance([{}, {}])
    const input = inputFor(slug)
    await activities.recordRun(input)
    await activities.saveDestination({
      run_id: input.run_id,
      account_id: accounts[0] ?? '',
      state: uploaded(),
    })
    await activities.saveDestination({
      run_id: input.run_id,
      account_id: accounts[1] ?? '',
      state: {
        status: 'cancelled',
        error: { code: 'cancelled', message: 'Cancelled.', retryable: false },
        finished_at: new Date().toISOString(),
      },
    })
    assert.equal((await activities.finishRun({ run_id: input.run_id })).status, 'cancelled')
    assert.deepEqual((await events(input.run_id)).slice(-2), ['upload_cancelled', 'sync_finished'])
  })

  it('is failed when one destination failed and another was cancelled', async () => {
    const { slug, accounts } = await anInstance([{}, {}])
    const [one = '', other = ''] = accounts
    const { run_id } = await begun(slug)
    const cancelled = { code: 'cancelled', message: 'Cancelled.', retryable: false }
    await activities.failRun({ run_id, account_ids: [one], error: cancelled })
    await activities.failRun({ run_id, account_ids: [other], error: failure })
    assert.equal((await activities.finishRun({ run_id })).status, 'failed')
  })

  it('is opened once per execution: a late second try changes nothing of what has begun', async () => {
    const { slug, accounts } = await anInstance([{}, {}])
    const [done = '', open = ''] = accounts
    const input = inputFor(slug, { execution_id: randomName('execution') })
    const { run_id } = input
    await activities.recordRun(input)
    await activities.saveDestination({ run_id, account_id: done, state: uploaded() })
    const again = await activities.recordRun(input)
    assert.deepEqual(
      [again.status[done]?.status, again.destinations.map(({ account_id }) => account_id)],
      ['uploaded', [open]],
    )
    assert.deepEqual(await events(run_id), ['run_recorded', 'sync_started'])
  })

  it('is not taken from the workflow that has its sync open by one with an ID of its own', async () => {
    const { slug, accounts } = await anInstance([{}])
    const input = inputFor(slug, { execution_id: randomName('execution') })
    const { run_id } = input
    await activities.recordRun(input)
    const stranger = { ...input, workflow_id: 'nightly-backup', execution_id: randomName('execution') }
    await assert.rejects(activities.recordRun(stranger), { code: 'sync_open' })
    const { instance, archive, workflow_id } = stranger
    const error = { code: 'sync_open', message: 'Open.', retryable: false }
    await activities.refuseRun({ run_id, instance, archive, workflow_id, error })
    const run = await record(run_id)
    assert.deepEqual([run.cloud_status, run.workflow_id], ['pending', input.workflow_id])

    await activities.failRun({ run_id, account_ids: accounts, error: failure })
    await activities.finishRun({ run_id })
    await activities.recordRun(stranger)
    assert.equal((await record(run_id)).workflow_id, 'nightly-backup')
  })

  it('keeps the archive in the step that records it, where this worker sees it', async () => {
    await mkdir(join(deps.folder, 'acme'), { recursive: true })
    await writeFile(join(deps.folder, 'acme/x.dump'), 'content')
    const { slug } = await anInstance([{}])
    const shared = inputFor(slug)
    assert.equal((await activities.recordRun(shared)).pin, 'linked')
    await rm(join(deps.folder, 'acme/x.dump'))
    const { pin_path, size } = await record(shared.run_id)
    assert.deepEqual([await readFile(pin_path ?? '', 'utf8'), size], ['content', 7])
    const ofAnotherHost = inputFor(slug, { archive_task_queue: 'cloud-host7' })
    assert.equal((await activities.recordRun(ofAnotherHost)).pin, null)
  })

  it('is closed once, however often its last step is tried', async () => {
    const { slug, accounts } = await anInstance([{}])
    const { run_id } = await begun(slug)
    await activities.saveDestination({ run_id, account_id: accounts[0] ?? '', state: uploaded() })
    const first = await activities.finishRun({ run_id })
    assert.deepEqual(await activities.finishRun({ run_id }), first)
    assert.equal((await events(run_id)).filter((event) => event === 'sync_finished').length, 1)
  })

  it('is begun and closed as a whole or not at all', async () => {
    const { slug } = await anInstance([{}])
    const input = inputFor(slug)
    const { run_id } = input
    await withoutWord('sync_started', () => assert.rejects(activities.recordRun(input)))
    assert.equal(await getRun(deps.db, run_id), null)

    await activities.recordRun(input)
    const before = await record(run_id)
    await withoutWord('sync_finished', () =>
      assert.rejects(activities.finishRun({ run_id, unsettled: failure })),
    )
    assert.deepEqual(await record(run_id), before)
    assert.deepEqual(await events(run_id), ['run_recorded', 'sync_started'])
  })

  it('keeps the linked archive for 7 days after a failure (docs/design.md, rule 6)', async () => {
    for (const pin of ['linked', 'original'] as const) {
      const { slug, accounts } = await anInstance([{}])
      const input = inputFor(slug)
      const { run_id } = input
      await activities.recordRun(input)
      await saveArchive(deps.db, run_id, {
        size: 7,
        archive_path: '/x.dump',
        archive_mtime_ns: '1',
        pin,
        pin_path: pin === 'linked' ? `/.cloud-sync/${run_id}/x.dump` : null,
      })
      await activities.saveDestination({
        run_id,
        account_id: accounts[0] ?? '',
        state: { status: 'failed', error: failure, finished_at: new Date().toISOString() },
      })
      const finished = await activities.finishRun({ run_id })
      const isLinked = pin === 'linked'
      assert.deepEqual(
        [finished.status, finished.pin, finished.keep_archive],
        ['failed', isLinked ? 'linked' : null, isLinked],
      )
      const { kept_until } = await record(run_id)
      if (!isLinked) return assert.equal(kept_until, null)
      const keptMs = Date.parse(kept_until ?? '') - (await databaseNow(deps.db))
      assert.ok(keptMs > 6.9 * DAY_MS && keptMs <= 7 * DAY_MS)
    }
  })

  it('says for every destination and in the audit what stopped the whole run', async () => {
    const { slug, accounts } = await anInstance([{}, {}])
    const [done = '', open = ''] = accounts
    const input = inputFor(slug)
    const { run_id } = input
    await activities.recordRun(input)
    await activities.saveDestination({ run_id, account_id: done, state: uploaded() })
    const error = { code: 'archive_missing', message: 'The file is gone.', retryable: false }
    await activities.failRun({ run_id, account_ids: null, error })
    assert.equal((await record(run_id)).cloud_status, 'pending')
    const { destinations, status } = await activities.finishRun({ run_id })
    assert.deepEqual(
      [destinations[done]?.status, destinations[open]?.status, status],
      ['uploaded', 'failed', 'failed'],
    )
    assert.deepEqual((await record(run_id)).error, error)
    assert.deepEqual((await events(run_id)).slice(2), ['upload_failed', 'sync_finished'])
  })

  it('marks only the destinations that are named, and a cancelled one as cancelled', async () => {
    const { slug, accounts } = await anInstance([{}, {}])
    const [one = '', other = ''] = accounts
    const input = inputFor(slug)
    const { run_id } = input
    await activities.recordRun(input)
    const error = { code: 'cancelled', message: 'Cancelled.', retryable: false }
    await activities.failRun({ run_id, account_ids: [one], error })
    const run = await record(run_id)
    assert.deepEqual(
      [run.cloud_sync_status[one]?.status, run.cloud_sync_status[other]?.status],
      ['cancelled', 'pending'],
    )
    assert.deepEqual([run.cloud_status, run.error], ['pending', null])
  })

  it('is refused for a run that nobody has recorded', async () => {
    await assert.rejects(activities.finishRun({ run_id: 'nobody' }), { kind: 'not_found', field: 'run_id' })
  })
})
