// Uploads to Dropbox that meet refusals, conflicts, full accounts, ending tokens and mixed trouble.

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import {
  type ArchiveSource,
  ProviderError,
  type UploadSession,
} from '../../../../activities/providers/provider.ts'
import type { FaultAction } from '../../../clouds/faults.ts'
import {
  assertOneWhole,
  BLOCK,
  bytesOf,
  createBench,
  FOLDER,
  never,
  refused,
  sourceOf,
  TUNING,
  targetOf,
  type UploadLog,
  uploadThrough,
  WAYS,
} from './harness.ts'

const bench = await createBench(TUNING)
const { cloudWith, client } = bench
after(bench.close)

describe('uploads to Dropbox in trouble', () => {
  it('renews a token that ends in the middle of an upload, once for all chunks', async () => {
    for (const size of [WAYS.sequential, WAYS.concurrent]) {
      const cloud = await cloudWith()
      cloud.server.faults.add({ operation: 'chunk', after: 2, action: { kind: 'own', name: 'expire_token' } })
      const bytes = bytesOf(size)
      const log = await uploadThrough(client(cloud), FOLDER, 'x.dump', bytes)
      assert.deepEqual(log.failures, [])
      assert.equal(cloud.tokenExchanges(), 2)
      assertOneWhole(cloud, bytes)
    }
  })

  it('passes on how long Dropbox wants to be left alone, in seconds or as a date', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const folder = await provider.ensureFolder(FOLDER, never)
    const target = { folder, name: 'x.dump', size: 2_000_000, runId: 'r', instance: 'acme' }
    const answered = async (headers: Record<string, string>, body: unknown) => {
      cloud.server.faults.add({ operation: 'open', action: { kind: 'status', status: 429, headers, body } })
      return refused(provider.openSession(target, never))
    }
    const seconds = await answered({ 'Retry-After': '300' }, undefined)
    assert.equal(seconds.code, 'rate_limited')
    assert.equal(seconds.retryAfterMs, 300_000)
    const date = await answered({ 'Retry-After': new Date(Date.now() + 90_000).toUTCString() }, 'slow down')
    assert.ok(date.retryAfterMs !== undefined && date.retryAfterMs > 60_000 && date.retryAfterMs <= 90_000)
    const body = {
      error_summary: 'too_many_requests/.',
      error: { reason: { '.tag': 'too_many_requests' }, retry_after: 7 },
    }
    assert.equal((await answered({}, body)).retryAfterMs, 7000)
    const empty = await answered({}, '')
    assert.equal(empty.code, 'rate_limited')
    assert.equal(empty.retryAfterMs, undefined)
  })

  it('gets through 429 and 503 at every step', async () => {
    const cloud = await cloudWith()
    for (const operation of ['open', 'chunk', 'finalise', 'metadata', 'token']) {
      for (const status of [429, 503])
        cloud.server.faults.add({ operation, action: { kind: 'status', status } })
    }
    const bytes = bytesOf(WAYS.concurrent)
    const provider = client(cloud)
    for (let attempt = 0; attempt < 4; attempt += 1) {
      await provider
        .ensureFolder(FOLDER, never)
        .catch((error: ProviderError) => assert.match(error.code, /rate|unavail/))
    }
    await uploadThrough(provider, FOLDER, 'x.dump', bytes)
    assertOneWhole(cloud, bytes)
  })

  it('never overwrites: a file of other content keeps its name', async () => {
    const cloud = await cloudWith()
    for (const [way, size] of Object.entries(WAYS)) {
      cloud.putFile(`${FOLDER}/${way}.dump`, Buffer.from('somebody else'))
      const upload = uploadThrough(client(cloud), FOLDER, `${way.toUpperCase()}.dump`, bytesOf(size))
      await assert.rejects(upload, { code: 'name_conflict' })
      const [file] = cloud.files(FOLDER).filter((candidate) => candidate.path.endsWith(`${way}.dump`))
      assert.equal(file?.content?.toString(), 'somebody else')
    }
    assert.equal(cloud.files().length, 3)
  })

  it('takes a same-named file of equal content for its own', async () => {
    const cloud = await cloudWith()
    for (const [way, size] of Object.entries(WAYS)) {
      const bytes = bytesOf(size)
      const there = cloud.putFile(`${FOLDER}/${way}.dump`, bytes)
      const log = await uploadThrough(client(cloud), FOLDER, `${way}.dump`, bytes)
      assert.equal(log.file.id, there.id)
    }
    assert.equal(cloud.files().length, 3)
  })

  it('does not take an older file of equal size for the one whose answer was lost', async () => {
    const cloud = await cloudWith()
    const bytes = bytesOf(WAYS.single)
    cloud.putFile(`${FOLDER}/x.dump`, Buffer.alloc(bytes.byteLength), '2026-01-01T00:00:00.000Z')
    cloud.server.faults.add({ operation: 'upload', action: { kind: 'lose_answer' } })
    await assert.rejects(uploadThrough(client(cloud), FOLDER, 'x.dump', bytes), { code: 'name_conflict' })
  })

  it('keeps the data of a finish that failed for space, and commits it once there is some', async () => {
    for (const size of [WAYS.sequential, WAYS.concurrent]) {
      const cloud = await cloudWith()
      const bytes = bytesOf(size)
      const provider = client(cloud)
      const target = await targetOf(provider, size)
      let saved = await provider.openSession(target, never)
      const context = {
        signal: never,
        onSent: () => undefined,
        onStored: () => undefined,
        saveSession: async (changed: UploadSession) => {
          saved = changed
        },
      }
      cloud.setQuota(1_000_000)
      const sent = provider.send(target, saved, sourceOf(bytes), 0, context)
      await assert.rejects(sent, { code: 'storage_quota_exceeded', httpStatus: 409 })
      cloud.setQuota(2 ** 40)
      await uploadThrough(provider, FOLDER, 'x.dump', bytes, { saved })
      assert.equal(cloud.server.bytesReceived('chunk'), size)
      assertOneWhole(cloud, bytes)
    }
  })

  it('commits one file at a time', async () => {
    const cloud = await cloudWith({ commitMs: 30 })
    const provider = client(cloud)
    const names = ['a', 'b', 'c', 'd']
    const logs = await Promise.all(
      names.map((name, index) =>
        uploadThrough(provider, FOLDER, `${name}.zip`, bytesOf(500_000 + index * 2 * BLOCK)),
      ),
    )
    assert.deepEqual(
      logs.flatMap((log) => log.failures),
      [],
    )
    assert.equal(cloud.files(FOLDER).length, 4)
  })

  it('waits a little, and not the same each time, when another writer has the account', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const body = {
      error_summary: 'too_many_write_operations/..',
      error: { '.tag': 'too_many_write_operations' },
    }
    const pauses = new Set<number>()
    const folder = await provider.ensureFolder(FOLDER, never)
    const target = { folder, name: 'x.dump', size: WAYS.sequential, runId: 'r', instance: 'acme' }
    for (let round = 0; round < 5; round += 1) {
      cloud.server.faults.add({ operation: 'open', action: { kind: 'status', status: 409, body } })
      const error = await refused(provider.openSession(target, never))
      assert.equal(error.code, 'rate_limited')
      assert.ok(
        error.retryAfterMs !== undefined && error.retryAfterMs >= 1000 && error.retryAfterMs <= 15_000,
      )
      pauses.add(error.retryAfterMs)
    }
    assert.ok(pauses.size > 1)
  })

  it('gives the true hash of a copy that was damaged at the provider', async () => {
    const cloud = await cloudWith()
    cloud.server.faults.add({ operation: 'finalise', action: { kind: 'own', name: 'flip_bit' } })
    const log = await uploadThrough(client(cloud), FOLDER, 'x.dump', bytesOf(WAYS.concurrent))
    assert.notEqual(log.file.hashes[0]?.value, log.hash)
    assert.equal(log.file.hashes[0]?.value, cloud.files()[0]?.hashes[0]?.value)
  })

  it('lets Dropbox refuse a small file whose bytes were damaged on the way', async () => {
    const cloud = await cloudWith()
    const provider = client(cloud)
    const body = { error_summary: 'content_hash_mismatch/.', error: { '.tag': 'content_hash_mismatch' } }
    cloud.server.faults.add({ operation: 'upload', action: { kind: 'status', status: 409, body } })
    const log = await uploadThrough(provider, FOLDER, 'x.dump', bytesOf(1000))
    assert.deepEqual(log.failures, ['hash_mismatch'])
    assertOneWhole(cloud, bytesOf(1000))
  })

  it('commits nothing when the archive changes while it is read', async () => {
    for (const size of Object.values(WAYS)) {
      const cloud = await cloudWith()
      const provider = client(cloud)
      const bytes = bytesOf(size)
      const whole = sourceOf(bytes)
      const changing: ArchiveSource = {
        size,
        async *read(start, end) {
          if (end === size) throw new ProviderError('archive_changed', 'the archive changed')
          yield* whole.read(start, end)
        },
      }
      const target = await targetOf(provider, size)
      const session = await provider.openSession(target, never)
      const context = {
        signal: never,
        onSent: () => undefined,
        onStored: () => undefined,
        saveSession: async () => undefined,
      }
      await assert.rejects(provider.send(target, session, changing, 0, context), { code: 'archive_changed' })
      assert.equal(cloud.files().length, 0)
    }
  })

  it('ends at once when it is cancelled', async () => {
    const cloud = await cloudWith()
    cloud.server.faults.add({
      operation: 'chunk',
      times: Infinity,
      action: { kind: 'stall_after', bytes: 10_000 },
    })
    const provider = client(cloud)
    const bytes = bytesOf(WAYS.concurrent)
    const target = await targetOf(provider, bytes.byteLength)
    const session = await provider.openSession(target, never)
    const cancel = new AbortController()
    const context = {
      signal: cancel.signal,
      onSent: () => cancel.abort(new Error('cancelled by a test')),
      onStored: () => undefined,
      saveSession: async () => undefined,
    }
    await assert.rejects(provider.send(target, session, sourceOf(bytes), 0, context), /cancelled by a test/)
    assert.equal(cloud.files().length, 0)
  })
})

/** A small generator, so that each seed plays the same trouble again. */
function diceOf(seed: number) {
  let state = seed * 7919
  const roll = (sides: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
  const pick = <T>(values: readonly [T, ...T[]]): T => values[roll(values.length)] ?? values[0]
  return { roll, pick }
}

const OPERATIONS = [
  'open',
  'chunk',
  'query',
  'finalise',
  'upload',
  'metadata',
  'account',
  'create_folder',
] as const
const HEALING = ['network_unreachable', 'provider_unavailable', 'rate_limited', 'unexpected_answer']

describe('uploads to Dropbox through any trouble', () => {
  for (let seed = 1; seed <= 24; seed += 1) {
    it(`leave one whole file (${seed})`, async () => {
      const { roll, pick } = diceOf(seed)
      const cloud = await cloudWith({
        brokenAppend: pick(['discard', 'keep']),
        resentChunk: pick(['accept', 'refuse']),
        refinish: pick(['metadata', 'not_found', 'closed']),
        space: pick(['own', 'team', 'team_app_folder']),
      })
      for (let left = 1 + roll(12); left > 0; left -= 1) {
        const action = pick<FaultAction>([
          { kind: 'lose_answer' },
          { kind: 'reset_after', bytes: roll(BLOCK) },
          { kind: 'refuse' },
          { kind: 'status', status: pick([408, 429, 500, 503]) },
          { kind: 'truncate_answer' },
          { kind: 'own', name: 'forget_session' },
        ])
        cloud.server.faults.add({ operation: pick(OPERATIONS), after: roll(4), action })
      }
      const bytes = bytesOf(pick([1, 1_500_000, BLOCK, WAYS.sequential, 4 * BLOCK, WAYS.concurrent]))
      const provider = client(cloud)
      const upload = async (): Promise<UploadLog> => {
        try {
          return await uploadThrough(provider, FOLDER, 'x.dump', bytes)
        } catch (error) {
          // Making the folder is no part of the loop there.
          if (!(error instanceof ProviderError) || !HEALING.includes(error.code)) throw error
          return upload()
        }
      }
      const log = await upload()
      assertOneWhole(cloud, bytes)
      assert.equal(log.file.id, cloud.files()[0]?.id)
      assert.equal(log.file.hashes[0]?.value, log.hash)
    })
  }
})
