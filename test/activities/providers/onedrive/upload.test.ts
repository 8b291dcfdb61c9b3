import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  bytesOf,
  failsWith,
  hashOf,
  signal,
  sourceOf,
  startBench,
  targetFor,
  UNIT,
  uploadThrough,
} from './harness.ts'

describe('An upload to OneDrive', () => {
  it('stores files of every length around its limits whole, with one file each', async () => {
    const { cloud, provider } = await startBench()
    const sizes = [
      1,
      2,
      4095,
      4096,
      4097,
      UNIT - 1,
      UNIT,
      UNIT + 1,
      2 * UNIT - 1,
      2 * UNIT,
      2 * UNIT + 1,
      4 * UNIT,
      5 * UNIT + 7,
    ]
    for (const size of sizes) {
      const bytes = bytesOf(size, size)
      const name = `acme_${size}.dump`
      const { file, failures } = await uploadThrough(
        provider,
        await targetFor(provider, name, size),
        sourceOf(bytes),
      )
      assert.deepEqual(failures, [])
      assert.equal(file.name, name)
      assert.equal(file.size, size)
      assert.deepEqual(file.hashes, [{ algorithm: 'quickxorhash', value: hashOf(bytes) }])
      const stored = cloud.files(`/odoo-backups/acme/`).find((entry) => entry.path.endsWith(`/${name}`))
      assert.ok(stored?.content?.equals(bytes))
    }
    assert.equal(cloud.files().length, sizes.length)
    assert.equal(cloud.openSessions(), 0)
  })

  it('sends no token to an upload address, and never asks /me', async () => {
    const { cloud, provider } = await startBench()
    await uploadThrough(provider, await targetFor(provider, 'a.zip', 5 * UNIT), sourceOf(bytesOf(5 * UNIT)))
    const toAddress = cloud.server.requests.filter((entry) =>
      ['chunk', 'status', 'abort'].includes(entry.operation),
    )
    assert.ok(toAddress.length > 1)
    assert.ok(toAddress.every((entry) => !entry.hasAuthorization))
    assert.ok(cloud.server.requests.every((entry) => !entry.path.includes('/me')))
  })

  for (const brokenFragments of ['discard', 'keep'] as const) {
    for (const unaligned of ['by_length', 'to_boundary'] as const) {
      it(`goes on after 20 resets without starting over (fragments: ${brokenFragments}, ${unaligned})`, async () => {
        const { cloud, provider } = await startBench({ brokenFragments, unaligned })
        const bytes = bytesOf(24 * UNIT + 12_345)
        for (let i = 0; i < 22; i += 1) {
          const reset = { kind: 'reset_after', bytes: (i * 65_537 + 4099) % UNIT } as const
          cloud.server.faults.add({
            operation: 'chunk',
            after: brokenFragments === 'discard' ? i % 2 : 0,
            action: reset,
          })
        }
        const target = await targetFor(provider, 'acme.zip', bytes.byteLength)
        const stored: number[] = []
        const course = await uploadThrough(provider, target, sourceOf(bytes), {
          onStored: (offset) => stored.push(offset),
        })
        assert.equal(course.opened, 1)
        assert.ok(course.failures.length >= 20, `${course.failures.length} resets`)
        assert.deepEqual(
          course.offsets,
          course.offsets.toSorted((a, b) => a - b),
        )
        assert.equal(stored.at(-1), bytes.byteLength)
        assert.deepEqual(course.file.hashes, [{ algorithm: 'quickxorhash', value: hashOf(bytes) }])
        assert.equal(cloud.files().length, 1)
      })
    }
  }

  it('gives up a session that takes nothing off the grid, and starts over once', async () => {
    const { cloud, provider } = await startBench({ unaligned: 'refuse' })
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'own', name: 'keep_only', value: 1000 } })
    const bytes = bytesOf(3 * UNIT)
    const course = await uploadThrough(
      provider,
      await targetFor(provider, 'a.zip', bytes.byteLength),
      sourceOf(bytes),
    )
    assert.equal(course.opened, 2)
    assert.deepEqual(
      course.failures.map((error) => error.code),
      ['session_expired'],
    )
    assert.deepEqual(course.file.hashes, [{ algorithm: 'quickxorhash', value: hashOf(bytes) }])
    assert.equal(cloud.openSessions(), 0)
  })

  it('goes on from what the provider kept of a fragment, within one call', async () => {
    const { cloud, provider } = await startBench()
    cloud.server.faults.add({
      operation: 'chunk',
      times: 3,
      action: { kind: 'own', name: 'keep_only', value: 100_001 },
    })
    const bytes = bytesOf(7 * UNIT)
    const course = await uploadThrough(
      provider,
      await targetFor(provider, 'a.zip', bytes.byteLength),
      sourceOf(bytes),
    )
    assert.deepEqual(course.failures, [])
    assert.deepEqual(course.file.hashes, [{ algorithm: 'quickxorhash', value: hashOf(bytes) }])
  })

  it('understands several ranges, and asks when none are named', async () => {
    const { cloud, provider } = await startBench()
    const several = [`${4 * UNIT}-`, `${2 * UNIT}-${3 * UNIT - 1}`]
    cloud.server.faults.add({
      operation: 'chunk',
      action: { kind: 'own', name: 'range_list', value: several },
    })
    cloud.server.faults.add({ operation: 'chunk', action: { kind: 'own', name: 'range_list', value: null } })
    const bytes = bytesOf(7 * UNIT)
    const course = await uploadThrough(
      provider,
      await targetFor(provider, 'a.zip', bytes.byteLength),
      sourceOf(bytes),
    )
    assert.deepEqual(course.failures, [])
    assert.equal(cloud.server.requests.filter((entry) => entry.operation === 'status').length, 1)
    assert.deepEqual(course.file.hashes, [{ algorithm: 'quickxorhash', value: hashOf(bytes) }])
  })

  it('catches up when it sends what the provider has already', async () => {
    const { provider } = await startBench()
    const bytes = bytesOf(5 * UNIT)
    const target = await targetFor(provider, 'a.zip', bytes.byteLength)
    const session = await provider.openSession(target, signal)
    const stop = new AbortController()
    const context = {
      signal,
      onSent: () => {},
      onStored: () => stop.abort(new Error('stop')),
      saveSession: async () => {},
    }
    await assert.rejects(
      provider.send(target, session, sourceOf(bytes), 0, { ...context, signal: stop.signal }),
      /stop/,
    )
    const file = await provider.send(target, session, sourceOf(bytes), 0, { ...context, onStored: () => {} })
    assert.deepEqual(file.hashes, [{ algorithm: 'quickxorhash', value: hashOf(bytes) }])
  })

  for (const [what, size, operation, after] of [
    ['a fragment', 5 * UNIT, 'chunk', 0],
    ['the last fragment', 5 * UNIT, 'chunk', 2],
    ['a small file', 100, 'single', 0],
  ] as const) {
    it(`leaves one file when the answer to ${what} is lost`, async () => {
      const { cloud, provider } = await startBench()
      for (const action of [{ kind: 'lose_answer' }, { kind: 'truncate_answer' }] as const) {
        cloud.server.faults.add({ operation, after, action })
        const bytes = bytesOf(size)
        const name = `${action.kind}.zip`
        const course = await uploadThrough(provider, await targetFor(provider, name, size), sourceOf(bytes))
        assert.equal(course.opened, 1)
        assert.equal(course.failures.length, 1)
        assert.equal(course.file.size, size)
      }
      assert.equal(cloud.files().length, 2)
      assert.equal(cloud.openSessions(), 0)
    })
  }

  it('uploads under another name and renames when the answer to the opening is lost', async () => {
    const { cloud, provider } = await startBench()
    const bytes = bytesOf(3 * UNIT)
    cloud.server.faults.add({ operation: 'open', action: { kind: 'lose_answer' } })
    const target = await targetFor(provider, 'a.zip', bytes.byteLength)
    const course = await uploadThrough(provider, target, sourceOf(bytes), {
      onStored: (offset) => assert.equal(cloud.files().length, offset === bytes.byteLength ? 1 : 0),
    })
    assert.equal(course.file.name, 'a.zip')
    assert.deepEqual(course.file.hashes, [{ algorithm: 'quickxorhash', value: hashOf(bytes) }])
    assert.deepEqual(
      cloud.files().map((file) => file.path),
      ['/odoo-backups/acme/a.zip'],
    )
    assert.ok(cloud.server.requests.some((entry) => entry.operation === 'rename'))
  })

  it('renames a file that OneDrive itself has changed since its last byte', async () => {
    const { cloud, provider } = await startBench()
    const bytes = bytesOf(3 * UNIT)
    const body = { error: { code: 'resourceModified', message: 'ETag does not match current item' } }
    cloud.server.faults.add({ operation: 'open', action: { kind: 'lose_answer' } })
    cloud.server.faults.add({ operation: 'rename', action: { kind: 'status', status: 412, body } })
    const target = await targetFor(provider, 'a.zip', bytes.byteLength)
    const course = await uploadThrough(provider, target, sourceOf(bytes), {})
    assert.equal(course.file.name, 'a.zip')
    assert.deepEqual(
      course.failures.map((error) => error.code),
      ['network_unreachable'],
    )
  })

  it('finishes the renaming once the forgotten session has expired, also when that answer is lost', async () => {
    const { cloud, provider } = await startBench({ renamesToHeldName: false })
    const bytes = bytesOf(3 * UNIT)
    cloud.server.faults.add({ operation: 'open', action: { kind: 'lose_answer' } })
    const target = await targetFor(provider, 'a.zip', bytes.byteLength)
    await assert.rejects(provider.openSession(target, signal), failsWith('network_unreachable'))
    const session = await provider.openSession(target, signal)
    await assert.rejects(
      uploadThrough(provider, target, sourceOf(bytes), { session, mostFailures: 0 }),
      failsWith('file_locked'),
    )
    cloud.advance(16 * 60_000)
    cloud.server.faults.add({ operation: 'rename', action: { kind: 'lose_answer' } })
    const course = await uploadThrough(provider, target, sourceOf(bytes), { session })
    assert.deepEqual(
      course.failures.map((error) => error.code),
      ['network_unreachable'],
    )
    assert.equal(course.file.name, 'a.zip')
    assert.deepEqual(
      cloud.files().map((file) => file.path),
      ['/odoo-backups/acme/a.zip'],
    )
  })

  it('removes a file that waits for its name when the upload is aborted', async () => {
    const { cloud, provider } = await startBench({ renamesToHeldName: false })
    cloud.server.faults.add({ operation: 'open', action: { kind: 'lose_answer' } })
    const target = await targetFor(provider, 'a.zip', 3 * UNIT)
    await assert.rejects(provider.openSession(target, signal), failsWith('network_unreachable'))
    const session = await provider.openSession(target, signal)
    const context = { signal, onSent: () => {}, onStored: () => {}, saveSession: async () => {} }
    await assert.rejects(
      provider.send(target, session, sourceOf(bytesOf(3 * UNIT)), 0, context),
      failsWith('file_locked'),
    )
    assert.equal(cloud.files().length, 1)
    await provider.abortSession(session, signal)
    await provider.abortSession(session, signal)
    assert.equal(cloud.files().length, 0)
  })

  it('aborts a session so that its name is free again', async () => {
    const { cloud, provider } = await startBench()
    const target = await targetFor(provider, 'a.zip', 3 * UNIT)
    const session = await provider.openSession(target, signal)
    await provider.abortSession(session, signal)
    await provider.abortSession(session, signal)
    assert.equal(cloud.openSessions(), 0)
    assert.deepEqual(await provider.querySession(target, session, signal), { kind: 'gone' })
    const course = await uploadThrough(provider, target, sourceOf(bytesOf(3 * UNIT)))
    assert.equal(course.file.name, 'a.zip')
    assert.ok(cloud.server.requests.every((entry) => entry.operation !== 'rename'))
  })

  it('opens a new session when the old one is forgotten, and does not for a 404 that passes', async () => {
    const { cloud, provider } = await startBench()
    const bytes = bytesOf(5 * UNIT)
    cloud.server.faults.add({ operation: 'chunk', after: 1, action: { kind: 'status', status: 404 } })
    cloud.server.faults.add({ operation: 'status', times: 2, action: { kind: 'status', status: 404 } })
    const passing = await uploadThrough(
      provider,
      await targetFor(provider, 'a.zip', bytes.byteLength),
      sourceOf(bytes),
    )
    assert.equal(passing.opened, 1)
    cloud.server.faults.add({ operation: 'chunk', after: 1, action: { kind: 'own', name: 'forget_session' } })
    const lasting = await uploadThrough(
      provider,
      await targetFor(provider, 'b.zip', bytes.byteLength),
      sourceOf(bytes),
    )
    assert.equal(lasting.opened, 2)
    assert.equal(cloud.files().length, 2)
  })

  it('opens a new session when the address has expired after 24 hours, however often it was used', async () => {
    const { cloud, provider } = await startBench({ sessionSlideMs: 30 * 3_600_000 })
    const bytes = bytesOf(5 * UNIT)
    let isLate = false
    const course = await uploadThrough(
      provider,
      await targetFor(provider, 'a.zip', bytes.byteLength),
      sourceOf(bytes),
      {
        onStored: () => {
          if (!isLate) cloud.advance(24 * 3_600_000)
          isLate = true
        },
      },
    )
    assert.equal(course.opened, 2)
    assert.deepEqual(
      course.failures.map((error) => error.code),
      ['session_expired'],
    )
    assert.equal(cloud.files().length, 1)
  })
})
