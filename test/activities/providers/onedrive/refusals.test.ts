import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProviderError } from '../../../../activities/providers/provider.ts'
import {
  bytesOf,
  failsWith,
  hashOf,
  pagesOf,
  signal,
  sourceOf,
  startBench,
  targetFor,
  UNIT,
  uploadThrough,
} from './harness.ts'

describe('What OneDrive refuses an upload, or asks to wait for', () => {
  it('never replaces a file that takes the name during the upload', async () => {
    const { cloud, provider } = await startBench()
    const bytes = bytesOf(5 * UNIT)
    const target = await targetFor(provider, 'a.zip', bytes.byteLength)
    let isPut = false
    const putOther = () => {
      if (!isPut) cloud.putFile('/odoo-backups/acme/A.zip', bytesOf(5 * UNIT, 9))
      isPut = true
    }
    await assert.rejects(
      uploadThrough(provider, target, sourceOf(bytes), { onStored: putOther }),
      failsWith('name_conflict'),
    )
    assert.deepEqual(
      cloud.files().map((file) => file.hashes[0]?.value),
      [hashOf(bytesOf(5 * UNIT, 9))],
    )
    assert.equal(cloud.openSessions(), 0)
  })

  it('never replaces a file that is there already, large or small', async () => {
    const { cloud, provider } = await startBench()
    for (const size of [100, 3 * UNIT]) {
      cloud.putFile(`/odoo-backups/acme/${size}.zip`, bytesOf(size, 5))
      const target = await targetFor(provider, `${size}.zip`, size)
      await assert.rejects(
        uploadThrough(provider, target, sourceOf(bytesOf(size))),
        failsWith('name_conflict'),
      )
    }
    assert.equal(cloud.files().length, 2)
    assert.equal(cloud.openSessions(), 0)
  })

  it('sends smaller fragments where the provider finds them too large', async () => {
    const { cloud, provider } = await startBench()
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'status', status: 413 } })
    const bytes = bytesOf(4 * UNIT)
    const course = await uploadThrough(
      provider,
      await targetFor(provider, 'a.zip', bytes.byteLength),
      sourceOf(bytes),
    )
    assert.deepEqual(course.failures, [])
    assert.equal(cloud.server.requests.filter((entry) => entry.operation === 'chunk').length, 5)
  })

  it('sends smaller fragments after one that took the provider too long', async () => {
    const { cloud, provider } = await startBench()
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'status', status: 504 } })
    const bytes = bytesOf(4 * UNIT)
    const target = await targetFor(provider, 'a.zip', bytes.byteLength)
    const course = await uploadThrough(provider, target, sourceOf(bytes))
    assert.deepEqual(
      course.failures.map((error) => error.code),
      ['provider_unavailable'],
    )
    assert.equal(cloud.server.requests.filter((entry) => entry.operation === 'chunk').length, 5)
  })

  it('opens a session without the size where the service refuses it', async () => {
    const { cloud, provider } = await startBench()
    cloud.server.faults.add({ operation: 'open', action: { kind: 'own', name: 'refuse_size' } })
    const course = await uploadThrough(
      provider,
      await targetFor(provider, 'a.zip', 3 * UNIT),
      sourceOf(bytesOf(3 * UNIT)),
    )
    assert.equal(course.file.size, 3 * UNIT)
  })

  it('refuses an upload address on an unknown host and a redirect of the bytes', async () => {
    const { cloud, provider } = await startBench()
    const target = await targetFor(provider, 'a.zip', 3 * UNIT)
    cloud.server.faults.add({
      operation: 'open',
      action: { kind: 'own', name: 'foreign_upload_url', value: 'files.example.net' },
    })
    await assert.rejects(
      provider.openSession(target, signal),
      failsWith('insecure_redirect', /files\.example\.net/),
    )
    cloud.advance(3_600_000)
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'redirect', to: 'http://127.0.0.1/' } })
    await assert.rejects(
      uploadThrough(provider, target, sourceOf(bytesOf(3 * UNIT))),
      failsWith('insecure_redirect'),
    )
  })

  it('fails at once where the drive is full, before and during the upload', async () => {
    const { cloud, provider } = await startBench()
    const target = await targetFor(provider, 'a.zip', 5 * UNIT)
    cloud.setQuota(5 * UNIT - 1)
    await assert.rejects(
      uploadThrough(provider, target, sourceOf(bytesOf(5 * UNIT))),
      failsWith('storage_quota_exceeded'),
    )
    cloud.setQuota(6 * UNIT)
    const fill = () => cloud.setQuota(UNIT)
    await assert.rejects(
      uploadThrough(provider, target, sourceOf(bytesOf(5 * UNIT)), { onStored: fill }),
      failsWith('storage_quota_exceeded'),
    )
    const small = await targetFor(provider, 'b.zip', 100)
    cloud.setQuota(50)
    await assert.rejects(
      uploadThrough(provider, small, sourceOf(bytesOf(100))),
      failsWith('storage_quota_exceeded'),
    )
  })

  it('takes up to 250 GB and refuses more before the first byte', async () => {
    const { cloud, provider } = await startBench()
    const target = await targetFor(provider, 'a.zip', 250 * 2 ** 30 + 1)
    cloud.server.forgetRequests()
    await assert.rejects(provider.openSession(target, signal), failsWith('archive_too_large'))
    assert.equal(cloud.server.requests.length, 0)
  })

  it('renews the token once when it expires during the upload, and asks for one only once at a time', async () => {
    const { cloud, provider } = await startBench()
    const target = await targetFor(provider, 'a.zip', 100)
    cloud.expireTokens()
    cloud.server.forgetRequests()
    const list = async () => pagesOf(provider, target.folder)
    await Promise.all([list(), list(), list(), uploadThrough(provider, target, sourceOf(bytesOf(100)))])
    assert.equal(cloud.server.requests.filter((entry) => entry.operation === 'token').length, 1)
    assert.equal(cloud.files().length, 1)
  })

  it('renews once for all who meet an expired token while others ask for one', async () => {
    const { cloud, provider } = await startBench()
    await provider.findFolder('/x', signal)
    for (let round = 0; round < 5; round += 1) {
      cloud.expireTokens()
      cloud.server.forgetRequests()
      const callers = Array.from({ length: 12 }, async (_, index) => {
        for (let turn = 0; turn < index; turn += 1) await Promise.resolve()
        await provider.findFolder(`/x${index}`, signal)
      })
      await Promise.all(callers)
      assert.equal(cloud.server.requests.filter((entry) => entry.operation === 'token').length, 1)
    }
  })

  it('asks for one token for many cold callers and keeps it', async () => {
    const { cloud, provider } = await startBench()
    await Promise.all(Array.from({ length: 8 }, () => provider.findFolder('/x', signal)))
    await provider.findFolder('/x', signal)
    assert.deepEqual(
      cloud.server.requests
        .filter((entry) => entry.operation === 'token' || entry.operation === 'discovery')
        .map((entry) => entry.operation),
      ['token'],
    )
  })

  it('passes on how long to wait, from Graph, from the upload host and from the sign-in', async () => {
    const { cloud, provider, another } = await startBench()
    const target = await targetFor(provider, 'a.zip', 3 * UNIT)
    const busy = { kind: 'status', status: 429, headers: { 'Retry-After': '41' } } as const
    for (const operation of ['open', 'chunk']) {
      cloud.server.faults.add({ operation, action: busy })
      const course = await uploadThrough(
        provider,
        { ...target, name: `${operation}.zip` },
        sourceOf(bytesOf(3 * UNIT)),
      )
      assert.deepEqual(
        course.failures.map((error) => [error.code, error.retryAfterMs]),
        [['rate_limited', 41_000]],
      )
    }
    const other = another()
    cloud.server.faults.add({ operation: 'token', action: busy })
    const waitOf = async () => {
      const failure = await other.findFolder('/x', signal).catch((cause: unknown) => cause)
      assert.ok(failure instanceof ProviderError && failure.code === 'rate_limited')
      return failure.retryAfterMs ?? 0
    }
    assert.equal(await waitOf(), 41_000)
    cloud.server.forgetRequests()
    const rest = await waitOf()
    assert.ok(rest > 1000 && rest <= 41_000)
    assert.equal(cloud.server.requests.length, 0)
  })

  it('stops when it is told to, whatever it is doing', async () => {
    const { cloud, provider } = await startBench()
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'stall_after', bytes: 1000 } })
    const target = await targetFor(provider, 'a.zip', 3 * UNIT)
    const session = await provider.openSession(target, signal)
    const stop = new AbortController()
    const context = {
      signal: stop.signal,
      onSent: () => stop.abort(new Error('enough')),
      onStored: () => {},
      saveSession: async () => {},
    }
    await assert.rejects(provider.send(target, session, sourceOf(bytesOf(3 * UNIT)), 0, context), /enough/)
  })
})
