// Uploads to Dropbox over real TLS against its emulator: whole, resumed, and with every answer lost once.

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { ProviderError, type UploadSession } from '../../../../activities/providers/provider.ts'
import {
  assertOneWhole,
  BLOCK,
  bytesOf,
  createBench,
  FOLDER,
  never,
  sourceOf,
  TUNING,
  targetOf,
  uploadThrough,
  WAYS,
} from './harness.ts'

const bench = await createBench(TUNING)
const { cloudWith, client } = bench
after(bench.close)

describe('uploads to Dropbox', () => {
  it('brings files of every size around the edges there whole', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const edges = [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 4 * BLOCK - 1, 4 * BLOCK, 4 * BLOCK + 1]
    for (const size of [1, 1_000_000, 1_000_001, ...edges]) {
      const log = await uploadThrough(provider, FOLDER, `a-${size}.dump`, bytesOf(size))
      assert.equal(log.file.size, size)
      assert.deepEqual(log.file.hashes, [{ algorithm: 'dropbox_content_hash', value: log.hash }])
      assert.deepEqual(log.failures, [])
    }
    for (const file of cloud.files(FOLDER)) assert.ok(file.content?.equals(bytesOf(file.size)))
    assert.equal(cloud.files(FOLDER).length, 10)
    assert.equal(cloud.openSessions(), 0)
  })

  it('takes the way that fits the size', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const kinds: Record<string, unknown> = {}
    for (const [way, size] of Object.entries(WAYS)) {
      const folder = await provider.ensureFolder(FOLDER, never)
      const target = { folder, name: `${way}.zip`, size, runId: 'r', instance: 'acme' }
      kinds[way] = (await provider.openSession(target, never)).kind
    }
    assert.deepEqual(kinds, { single: 'single', sequential: 'sequential', concurrent: 'concurrent' })
  })

  it('has several chunks of a large file on the way at once, and sends the closing one last', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const bytes = bytesOf(7 * BLOCK + 12_345)
    const target = await targetOf(provider, bytes.byteLength)
    const session = await provider.openSession(target, never)
    cloud.server.faults.add({ operation: 'chunk', times: 6, action: { kind: 'delay', ms: 30 } })
    const chunks = () => cloud.server.requests.filter((request) => request.operation === 'chunk')
    let most = 0
    await provider.send(target, session, sourceOf(bytes), 0, {
      signal: never,
      onSent: () => {
        most = Math.max(most, chunks().filter((chunk) => chunk.status === 0).length)
      },
      onStored: () => undefined,
      saveSession: async () => undefined,
    })
    assert.ok(most >= 2 && most <= TUNING.parallelAppends, `${most} at once`)
    assert.equal(chunks().length, 8)
    assert.equal(chunks().at(-1)?.bytes, 12_345)
    assertOneWhole(cloud, bytes)
  })

  it('gives a slow line one chunk at a time', async () => {
    const cloud = await cloudWith()
    let clock = Date.now()
    const provider = client(cloud, { now: () => clock })
    const bytes = bytesOf(WAYS.concurrent)
    const target = await targetOf(provider, bytes.byteLength)
    const session = await provider.openSession(target, never)
    let most = 0
    await provider.send(target, session, sourceOf(bytes), 0, {
      signal: never,
      onSent: () => {
        clock += 5000
        const chunks = cloud.server.requests.filter((request) => request.operation === 'chunk')
        most = Math.max(most, chunks.filter((chunk) => chunk.status === 0).length)
      },
      onStored: () => undefined,
      saveSession: async () => undefined,
    })
    assert.equal(most, 1)
    assertOneWhole(cloud, bytes)
  })

  it('makes chunks small in small files, and larger rather than more in very large ones', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud, { tuning: {} })
    const folder = await provider.ensureFolder(FOLDER, never)
    const chunkOf = async (size: number) => {
      const target = { folder, name: 'x.dump', size, runId: 'r', instance: 'acme' }
      return (await provider.openSession(target, never)).chunk_bytes
    }
    assert.equal(await chunkOf(2 ** 26), 2 ** 22)
    assert.equal(await chunkOf(200_000_000), 2 ** 23)
    assert.equal(await chunkOf(2 ** 30), 2 ** 24)
    assert.equal(await chunkOf(100 * 2 ** 30), 28 * 2 ** 20)
    assert.equal(await chunkOf(500 * 2 ** 30), 2 ** 26)
  })

  it('refuses a file for which there is no room before the first byte', async () => {
    const cloud = await cloudWith({ quotaBytes: 2 * BLOCK })
    const upload = uploadThrough(client(cloud), FOLDER, 'x.dump', bytesOf(WAYS.sequential))
    await assert.rejects(upload, { code: 'storage_quota_exceeded' })
    assert.equal(cloud.server.bytesReceived('chunk'), 0)
    assert.equal(cloud.openSessions(), 0)
  })

  it('goes on after twenty resets in one upload without starting over', async () => {
    for (const brokenAppend of ['discard', 'keep'] as const) {
      for (const size of [WAYS.sequential, WAYS.concurrent]) {
        const cloud = await cloudWith({ brokenAppend })
        const provider = client(cloud)
        let place = 99
        for (let strike = 0; strike < 20; strike += 1) {
          place = (place * 48_271) % 2_147_483_647
          const bytes = 1 + (place % (BLOCK / 16))
          cloud.server.faults.add({ operation: 'chunk', action: { kind: 'reset_after', bytes } })
        }
        const bytes = bytesOf(size)
        const log = await uploadThrough(provider, FOLDER, 'x.dump', bytes)
        assertOneWhole(cloud, bytes)
        assert.equal(log.sessions, 1)
        assert.equal(log.file.hashes[0]?.value, log.hash)
        const struck = cloud.server.requests.filter((request) => request.fault === 'reset_after')
        assert.equal(struck.length, 20)
      }
    }
  })

  it('sends no byte again that a sequential session has kept', async () => {
    const cloud = await cloudWith({ brokenAppend: 'keep' })
    const bytes = bytesOf(WAYS.sequential)
    cloud.server.faults.add({
      operation: 'chunk',
      after: 1,
      action: { kind: 'reset_after', bytes: 1_500_001 },
    })
    const log = await uploadThrough(client(cloud), FOLDER, 'x.dump', bytes)
    assert.equal(cloud.server.bytesReceived('chunk'), bytes.byteLength)
    assert.deepEqual(log.stored, [BLOCK, 2 * BLOCK, bytes.byteLength])
    assertOneWhole(cloud, bytes)
  })

  it('sends again only the chunks of a concurrent session that were on the way', async () => {
    const cloud = await cloudWith()
    const bytes = bytesOf(WAYS.concurrent)
    cloud.server.faults.add({ operation: 'chunk', after: 2, action: { kind: 'reset_after', bytes: 1000 } })
    const log = await uploadThrough(client(cloud), FOLDER, 'x.dump', bytes)
    assert.equal(cloud.server.bytesReceived('chunk'), bytes.byteLength + 1000)
    assert.equal(log.failures.length, 1)
    assertOneWhole(cloud, bytes)
  })

  const lost = [
    { operation: 'upload', way: 'single', switches: [{}] },
    { operation: 'open', way: 'sequential', switches: [{}] },
    { operation: 'open', way: 'concurrent', switches: [{}] },
    { operation: 'chunk', way: 'sequential', switches: [{}] },
    {
      operation: 'chunk',
      way: 'concurrent',
      switches: [{ resentChunk: 'accept' }, { resentChunk: 'refuse' }],
    },
    ...(['sequential', 'concurrent'] as const).map((way) => ({
      operation: 'finalise',
      way,
      switches: [{ refinish: 'metadata' }, { refinish: 'not_found' }, { refinish: 'closed' }] as const,
    })),
  ] as const
  for (const { operation, way, switches } of lost) {
    for (const options of switches) {
      it(`leaves one file when the answer to ${operation} is lost (${[way, ...Object.values(options)].join(', ')})`, async () => {
        const cloud = await cloudWith(options)
        cloud.server.faults.add({ operation, action: { kind: 'lose_answer' } })
        const bytes = bytesOf(WAYS[way])
        const log = await uploadThrough(client(cloud), FOLDER, 'x.dump', bytes)
        assert.deepEqual(log.failures, ['network_unreachable'])
        assert.equal(log.file.hashes[0]?.value, log.hash)
        assertOneWhole(cloud, bytes)
        const most = operation === 'chunk' && way === 'concurrent' ? BLOCK : 0
        assert.ok(cloud.server.bytesReceived('chunk') <= bytes.byteLength + most)
        assert.ok(cloud.server.bytesReceived('upload') <= bytes.byteLength)
      })
    }
  }

  it('finds the file complete when the answer to the closing chunk or a truncated finish was lost', async () => {
    const cloud = await cloudWith()
    const bytes = bytesOf(WAYS.concurrent)
    cloud.server.faults.add({ operation: 'chunk', after: 4, action: { kind: 'lose_answer' } })
    const first = await uploadThrough(client(cloud), FOLDER, 'x.dump', bytes)
    assert.deepEqual(first.failures, ['network_unreachable'])
    assert.equal(first.file.hashes[0]?.value, first.hash)
    const other = await cloudWith()
    other.server.faults.add({ operation: 'finalise', action: { kind: 'truncate_answer' } })
    const second = await uploadThrough(client(other), FOLDER, 'x.dump', bytes)
    assert.deepEqual(second.failures, ['unexpected_answer'])
    assertOneWhole(cloud, bytes)
    assertOneWhole(other, bytes)
  })

  it('goes on after a restart of the process from the saved ledger', async () => {
    const cloud = await cloudWith()
    const bytes = bytesOf(14 * BLOCK)
    const provider = client(cloud)
    cloud.server.faults.add({ operation: 'chunk', after: 10, times: Infinity, action: { kind: 'refuse' } })
    let saved: UploadSession | undefined
    const target = await targetOf(provider, bytes.byteLength)
    const session = await provider.openSession(target, never)
    const context = {
      signal: never,
      onSent: () => undefined,
      onStored: () => undefined,
      saveSession: async (changed: UploadSession) => {
        saved = changed
      },
    }
    await assert.rejects(provider.send(target, session, sourceOf(bytes), 0, context), {
      code: 'network_unreachable',
    })
    cloud.server.faults.clear()
    const state = await client(cloud).querySession(target, saved ?? session, never)
    assert.ok(state.kind === 'open' && state.offset >= 7 * BLOCK, JSON.stringify(state))
    const log = await uploadThrough(client(cloud), FOLDER, 'x.dump', bytes, { saved: saved ?? session })
    assert.equal(log.sessions, 0)
    assertOneWhole(cloud, bytes)
    assert.equal(cloud.server.bytesReceived('chunk'), bytes.byteLength)
  })

  it('saves the ledger as chunks are acknowledged, and never two saves at once', async () => {
    const cloud = await cloudWith()
    const log = await uploadThrough(client(cloud), FOLDER, 'x.dump', bytesOf(13 * BLOCK))
    assert.ok(log.saves >= 6, `${log.saves} saves`)
    assert.equal(log.mostSavesAtOnce, 1)
  })

  it('stops for good when the ledger cannot be saved any more', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const bytes = bytesOf(6 * BLOCK)
    const target = await targetOf(provider, bytes.byteLength)
    const context = {
      signal: never,
      onSent: () => undefined,
      onStored: () => undefined,
      saveSession: async () => {
        throw new ProviderError('claim_lost', 'another attempt has this upload')
      },
    }
    const session = await provider.openSession(target, never)
    await assert.rejects(provider.send(target, session, sourceOf(bytes), 0, context), { code: 'claim_lost' })
    assert.equal(cloud.files().length, 0)
  })

  it('starts over when Dropbox has forgotten the session, and says so', async () => {
    for (const size of [WAYS.sequential, WAYS.concurrent]) {
      const cloud = await cloudWith()
      cloud.server.faults.add({
        operation: 'chunk',
        after: 2,
        action: { kind: 'own', name: 'forget_session' },
      })
      const bytes = bytesOf(size)
      const log = await uploadThrough(client(cloud), FOLDER, 'x.dump', bytes)
      assert.ok(log.failures.includes('session_expired'))
      assert.equal(log.sessions, 2)
      assertOneWhole(cloud, bytes)
    }
  })

  it('reports a session that Dropbox has forgotten as gone', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    for (const size of [WAYS.sequential, WAYS.concurrent]) {
      const folder = await provider.ensureFolder(FOLDER, never)
      const target = { folder, name: `x-${size}.dump`, size, runId: 'r', instance: 'acme' }
      const session = await provider.openSession(target, never)
      assert.deepEqual(await provider.querySession(target, session, never), { kind: 'open', offset: 0 })
      cloud.forgetSessions()
      assert.deepEqual(await provider.querySession(target, session, never), { kind: 'gone' })
      await provider.abortSession(session, never)
    }
  })
})
