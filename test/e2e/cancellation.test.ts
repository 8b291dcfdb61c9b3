// A cancelled run leaves no unknown file at any destination, whatever the moment. What arrived whole is proven and `uploaded`; the
// rest is `cancelled`, and its session is given up (docs/design.md, "Contract: Temporal").

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { deleteBinding } from '../../db/instances/bindings.ts'
import { getRun } from '../../db/runs/runs.ts'
import { listAttempts } from '../../db/uploads/attempts.ts'
import { listAudit } from '../../db/views/audit.ts'
import { destinationChangedSignal } from '../../workflows/messages.ts'
import { bindingWorkflowId } from '../../workflows/workflow-ids.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { createGate, type FaultAction, type Gate } from '../clouds/faults.ts'
import { ALL_CLOUDS, sha256 } from '../support/clouds.ts'
import { listUploadedFiles } from '../support/rows.ts'
import { type BoundInstance, createTestSystem, type TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
const LARGE = 24 * MIB
/** A size that each provider takes in one request, and one that needs a session; `last` is the request with the last bytes. */
const WAYS = [
  { size: 3 * MIB, last: { google_drive: 'chunk', dropbox: 'upload', onedrive: 'single' } },
  { size: 9 * MIB, last: { google_drive: 'chunk', dropbox: 'finalise', onedrive: 'chunk' } },
] as const
/** The request with which the proof looks at a copy. */
const PROOF = { google_drive: 'get', dropbox: 'metadata', onedrive: 'get' } as const
/** temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED */
const CANCEL_REQUESTED = 3

describe('a cancelled run', () => {
  let system: TestSystem
  before(async () => {
    system = await createTestSystem(ALL_CLOUDS, { patience: { cutRequestMs: 2_500 } })
  })
  after(() => system.close())

  const statesOf = async (runId: string) => (await getRun(system.db, runId))?.cloud_sync_status ?? {}
  const folderOf = ({ slug }: BoundInstance) => `/odoo-backups/${slug}`

  async function aRun(size: number, clouds: readonly CloudDouble[] = system.clouds) {
    const bound = await system.bind({}, clouds)
    const content = randomBytes(size)
    const archive = await system.writeArchive(`${bound.slug}/x.dump`, content)
    return { ...bound, clouds, content, archive }
  }
  type Given = Awaited<ReturnType<typeof aRun>>

  /** Either `uploaded`, whole and in the ledger, or `cancelled` and nothing there. Resolves with the statuses. */
  async function assertKnown(given: Given, runId: string): Promise<readonly string[]> {
    const run = await getRun(system.db, runId)
    assert.notEqual(run?.cloud_status, 'pending')
    const ledger = (await listUploadedFiles(system.db, runId)).map(({ remote_id }) => remote_id)
    return given.clouds.map((cloud, index) => {
      const state = run?.cloud_sync_status[given.bindings[index]?.account_id ?? '']
      const files = cloud.files(folderOf(given))
      const seen = files.map(({ id, content }) => [id, sha256(content ?? Buffer.alloc(0))])
      const isUploaded = state?.status === 'uploaded'
      const wanted = isUploaded ? [[state.remote_id, sha256(given.content)]] : []
      assert.deepEqual(seen, wanted, `${cloud.kind} after ${state?.status}`)
      assert.ok(
        files.every(({ id }) => ledger.includes(id)),
        `${cloud.kind}: the ledger knows it`,
      )
      if (!isUploaded) assert.deepEqual([state?.status, state?.error?.code], ['cancelled', 'cancelled'])
      return state?.status ?? 'none'
    })
  }

  /** The answer to a heartbeat tells an attempt that it is cancelled. */
  async function attemptKnows({ slug }: Given, runId: string, accountId: string): Promise<void> {
    const child = system.temporal.client.workflow.getHandle(bindingWorkflowId(slug, runId, accountId))
    let first: string | undefined
    await until('an attempt has had a heartbeat answered since', async () => {
      const { pendingActivities } = (await child.describe()).raw
      const upload = pendingActivities?.find(({ activityType }) => activityType?.name === 'uploadArchive')
      if (upload?.state !== CANCEL_REQUESTED) return null
      const { seconds, nanos } = upload.lastHeartbeatTime ?? {}
      const beat = `${seconds} ${nanos}`
      first ??= beat
      return beat === first ? null : true
    })
  }

  async function assertEndsOnce(given: Given, runId: string): Promise<void> {
    const again = await system.sync({ instance: given.slug, archive: given.archive, run_id: runId })
    assert.equal(again.status, 'uploaded')
    for (const cloud of given.clouds) assert.equal(cloud.files(folderOf(given)).length, 1, cloud.kind)
  }

  it('a cancelled run ends every destination as cancelled, also when progress is reported at that moment', async () => {
    const given = await aRun(LARGE)
    for (const cloud of system.clouds)
      cloud.server.faults.add({
        operation: 'chunk',
        times: Number.POSITIVE_INFINITY,
        action: { kind: 'stall_after', bytes: 1_000_000 },
      })
    const run = await system.start({ instance: given.slug, archive: given.archive })
    await until('all are uploading', async () => {
      const found = Object.values(await statesOf(run.runId))
      return found.length === 3 && found.every(({ status }) => status === 'uploading') ? true : null
    })
    await run.cancel()
    // Attempts that are ending report progress like this.
    for (const { account_id } of given.bindings) {
      const id = bindingWorkflowId(given.slug, run.runId, account_id)
      const child = system.temporal.client.workflow.getHandle(id)
      for (let signal = 0; signal < 5; signal += 1)
        await child.signal(destinationChangedSignal, { account_id, state: { bytes_sent: 1_000 + signal } })
    }
    await run.result().catch(() => null)
    for (const cloud of system.clouds) cloud.server.faults.clear()
    assert.deepEqual(await assertKnown(given, run.runId), ['cancelled', 'cancelled', 'cancelled'])
    // Dropbox has no call that gives a session up.
    for (const cloud of system.clouds)
      if (cloud.kind !== 'dropbox') assert.equal(cloud.openSessions(), 0, cloud.kind)
    const { items } = await listAudit(system.db, { run_id: run.runId, limit: 200 })
    const told = items.filter(({ event }) => event === 'upload_cancelled')
    assert.equal(new Set(told.map(({ account_id }) => account_id)).size, 3)
  })

  it('a cancelled run gives up the sessions that were being opened at that moment', async () => {
    const clouds = system.clouds.filter(({ kind }) => kind !== 'dropbox')
    const given = await aRun(LARGE, clouds)
    const gates = clouds.map((cloud) => {
      const gate = createGate()
      cloud.server.faults.clear()
      cloud.server.faults.add({ operation: 'open', action: { kind: 'hold', at: 'answer', gate } })
      return gate
    })
    const run = await system.start({ instance: given.slug, archive: given.archive })
    await Promise.all(gates.map(({ reached }) => reached))
    await run.cancel()
    await Promise.all(given.bindings.map(({ account_id }) => attemptKnows(given, run.runId, account_id)))
    for (const { open } of gates) open()
    await run.result().catch(() => null)
    assert.deepEqual(await assertKnown(given, run.runId), ['cancelled', 'cancelled'])
    for (const cloud of clouds) assert.equal(cloud.openSessions(), 0, cloud.kind)
  })

  for (const { size, last } of WAYS) {
    /** Cancels when the last request of each upload is held, and opens the gates when no attempt waits any more. */
    async function cancelAt(actionOf: (gate: Gate) => FaultAction) {
      const given = await aRun(size)
      const gates = system.clouds.map((cloud) => {
        const gate = createGate()
        cloud.server.faults.clear()
        cloud.server.faults.add({ operation: last[cloud.kind], action: actionOf(gate) })
        return gate
      })
      const run = await system.start({ instance: given.slug, archive: given.archive })
      await Promise.all(gates.map(({ reached }) => reached))
      await run.cancel()
      await until('no attempt waits any more', async () => {
        const attempts = await listAttempts(system.db, run.runId)
        return attempts.length === 3 && attempts.every(({ outcome }) => outcome === 'cancelled') ? true : null
      })
      for (const { open } of gates) open()
      await run.result().catch(() => null)
      return { given, runId: run.runId, statuses: await assertKnown(given, run.runId) }
    }
    const all = (status: string) => Array.from({ length: 3 }, () => status)

    it(`a cancelled run leaves nothing of ${size} bytes whose last request the provider did not read`, async () => {
      const { given, runId } = await cancelAt((gate) => ({ kind: 'hold', at: 'request', gate }))
      await assertEndsOnce(given, runId)
    })

    it(`a cancelled run leaves nothing of ${size} bytes that were on their way`, async () => {
      const given = await aRun(size)
      for (const cloud of system.clouds) {
        cloud.server.faults.clear()
        const operation = cloud.kind === 'dropbox' && size > 8 * MIB ? 'chunk' : last[cloud.kind]
        cloud.server.faults.add({ operation, action: { kind: 'stall_after', bytes: MIB } })
      }
      const run = await system.start({ instance: given.slug, archive: given.archive })
      await until('half of the bytes are there', async () =>
        system.clouds.every((cloud) =>
          cloud.server.requests.some(({ fault, bytes }) => fault === 'stall_after' && bytes >= MIB),
        )
          ? true
          : null,
      )
      for (const cloud of system.clouds) cloud.server.forgetRequests()
      await run.cancel()
      await run.result().catch(() => null)
      assert.deepEqual(await assertKnown(given, run.runId), all('cancelled'))
      await assertEndsOnce(given, run.runId)
    })

    it(`a cancelled run proves ${size} bytes that the provider put together after the connection was cut`, async () => {
      const { given, runId, statuses } = await cancelAt((gate) => ({ kind: 'hold', at: 'arrived', gate }))
      assert.deepEqual(statuses, all('uploaded'))
      await assertEndsOnce(given, runId)
    })

    it(`a cancelled run proves ${size} bytes whose last answer was not awaited`, async () => {
      const { given, runId, statuses } = await cancelAt((gate) => ({ kind: 'hold', at: 'answer', gate }))
      assert.deepEqual(statuses, all('uploaded'))
      await assertEndsOnce(given, runId)
    })

    it(`a run whose proof is cancelled still proves ${size} bytes that had arrived`, async () => {
      const given = await aRun(size)
      const sent = system.clouds.map((cloud) => {
        cloud.server.faults.clear()
        const gate = createGate()
        cloud.server.faults.add({ operation: last[cloud.kind], action: { kind: 'hold', at: 'answer', gate } })
        return { cloud, gate, proof: createGate() }
      })
      const run = await system.start({ instance: given.slug, archive: given.archive })
      await Promise.all(sent.map(({ gate }) => gate.reached))
      for (const { cloud, gate, proof } of sent) {
        cloud.server.faults.add({
          operation: PROOF[cloud.kind],
          action: { kind: 'hold', at: 'request', gate: proof },
        })
        gate.open()
      }
      await Promise.all(sent.map(({ proof }) => proof.reached))
      await run.cancel()
      for (const each of sent) each.proof.open()
      await run.result().catch(() => null)
      assert.deepEqual(await assertKnown(given, run.runId), all('uploaded'))
    })
  }

  it('small uploads cancelled at any moment leave no unknown file', async () => {
    for (const cloud of system.clouds) cloud.server.faults.clear()
    const moments = Array.from(
      { length: 24 },
      (_, index) => Math.floor(Math.random() * 200) + (index % 2) * 100,
    )
    await Promise.all(
      moments.map(async (moment, index) => {
        const cloud = system.clouds[index % 3]
        assert.ok(cloud !== undefined)
        const given = await aRun(3 * MIB, [cloud])
        const run = await system.start({ instance: given.slug, archive: given.archive })
        await until('the run is known', async () => getRun(system.db, run.runId))
        await delay(moment)
        await run.cancel()
        await run.result().catch(() => null)
        await assertKnown(given, run.runId)
      }),
    )
  })

  it('a cancelled run says that the provider refused the look at its copy, and a re-upload finds the copy', async () => {
    const [cloud] = system.clouds
    assert.ok(cloud !== undefined)
    const given = await aRun(3 * MIB, [cloud])
    const gate = createGate()
    cloud.server.faults.clear()
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'hold', at: 'answer', gate } })
    const run = await system.start({ instance: given.slug, archive: given.archive })
    await gate.reached
    for (const operation of ['status', 'get', 'abort'])
      cloud.server.faults.add({
        operation,
        times: Number.POSITIVE_INFINITY,
        action: { kind: 'status', status: 403 },
      })
    await run.cancel()
    await run.result().catch(() => null)
    cloud.server.faults.clear()
    gate.open()
    const state = (await statesOf(run.runId))[given.bindings[0]?.account_id ?? '']
    assert.equal(state?.status, 'cancelled')
    assert.match(state.error?.message ?? '', /could not be seen/)
    const attempts = await listAttempts(system.db, run.runId)
    assert.deepEqual(
      attempts.map(({ outcome }) => outcome),
      ['cancelled'],
    )
    await assertEndsOnce(given, run.runId)
    assert.equal((await listUploadedFiles(system.db, run.runId)).length, 1)
  })

  it('a cancelled run ends soon where the binding was deleted meanwhile', async () => {
    const [cloud] = system.clouds
    assert.ok(cloud !== undefined)
    const given = await aRun(LARGE, [cloud])
    cloud.server.faults.clear()
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'stall_after', bytes: MIB } })
    const run = await system.start({ instance: given.slug, archive: given.archive })
    await until('the upload stands still', async () =>
      cloud.server.requests.some(({ fault }) => fault === 'stall_after') ? true : null,
    )
    await deleteBinding(system.db, given.bindings[0]?.id ?? '')
    await run.cancel()
    await run.result().catch(() => null)
    cloud.server.faults.clear()
    assert.notEqual((await getRun(system.db, run.runId))?.cloud_status, 'pending')
    assert.equal(cloud.files(folderOf(given)).length, 0)
  })

  const early: readonly { when: string; reached(given: Given, runId: string): Promise<unknown> }[] = [
    { when: 'at once', reached: async () => null },
    {
      when: 'when it is recorded',
      reached: (_given, runId) => until('it is recorded', () => getRun(system.db, runId)),
    },
    {
      when: 'when its destinations are started',
      reached: ({ slug, bindings }, runId) =>
        until('a child is there', async () => {
          const id = bindingWorkflowId(slug, runId, bindings[0]?.account_id ?? '')
          return system.temporal.client.workflow
            .getHandle(id)
            .describe()
            .catch(() => null)
        }),
    },
    {
      when: 'when an attempt has begun',
      reached: (_given, runId) =>
        until('an attempt is there', async () =>
          (await listAttempts(system.db, runId)).length > 0 ? true : null,
        ),
    },
  ]
  for (const { when, reached } of early) {
    it(`a run that is cancelled ${when} leaves no destination open`, async () => {
      for (const cloud of system.clouds) cloud.server.faults.clear()
      const given = await aRun(1_000)
      const run = await system.start({ instance: given.slug, archive: given.archive })
      await reached(given, run.runId)
      await run.cancel()
      await run.result().catch(() => null)
      const recorded = await getRun(system.db, run.runId)
      // A run that is cancelled before its first row is written leaves nothing.
      if (recorded === null) return
      const open = Object.values(recorded.cloud_sync_status).filter(({ finished_at }) => finished_at === null)
      assert.deepEqual(open, [])
      assert.notEqual(recorded.cloud_status, 'pending')
    })
  }
})
