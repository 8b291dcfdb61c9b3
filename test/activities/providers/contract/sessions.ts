// Sessions that are forgotten, tokens that end in the middle, copies that differ, destinations without room, and
// cancellation.

import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { providerSession } from '../../../../activities/uploads/kept-session.ts'
import { createMemoryStore, never } from './bench.ts'
import type { Suite } from './suite.ts'

export function describeSessions({ traits, scenario }: Suite): void {
  const way = traits.largeWay
  const chunk = way.chunk ?? way.finalise
  const ask = way.ask ?? way.finalise

  scenario('an access token that ends in mid-upload is renewed', async (bench) => {
    const cloud = await bench.startCloud({ wantsTokenWithBytes: true })
    const provider = bench.client({ cloud })
    const archive = await bench.archive(way.size)
    cloud.server.faults.add({ ...chunk, action: { kind: 'reset_after', bytes: 1000 } })
    let isExpired = false
    const course = await bench.upload({
      archive,
      provider,
      cloud,
      onSent: () => {
        if (!isExpired) cloud.expireTokens()
        if (!isExpired) cloud.server.forgetRequests()
        isExpired = true
      },
    })
    assert.ok(isExpired)
    assert.deepEqual(course.failures, [])
    await bench.assertWhole(course, archive, cloud)
  })

  scenario('a session that the provider has forgotten is started over, once', async (bench) => {
    const archive = await bench.archive(way.size)
    const { faults } = bench.cloud.server
    faults.add({ ...chunk, action: { kind: 'reset_after', bytes: 1000 } })
    const struck = faults.add({ ...ask, after: 0, action: { kind: 'own', name: 'forget_session' } })
    const course = await bench.upload({ archive })
    assert.equal(struck(), 1)
    assert.deepEqual(
      course.notes.filter((note) => note.event === 'session_restarted'),
      [{ event: 'session_restarted', restarts: 1 }],
    )
    assert.equal(bench.count(way.open?.operation ?? ''), 2)
    assert.deepEqual(course.failures, [])
    await bench.assertWhole(course, archive)
  })

  scenario('a provider that forgets every session is not fed for ever', async (bench) => {
    const archive = await bench.archive(way.size)
    const { faults } = bench.cloud.server
    const times = Number.POSITIVE_INFINITY
    faults.add({ operation: chunk.operation, times, action: { kind: 'reset_after', bytes: 1000 } })
    faults.add({ ...ask, after: 0, times, action: { kind: 'own', name: 'forget_session' } })
    await assert.rejects(bench.upload({ archive }), { code: 'session_too_slow' })
    assert.ok(bench.count(way.open?.operation ?? '') <= 5)
    assert.deepEqual(bench.cloud.files(bench.folder), [])
  })

  scenario('a copy that differs is seen, can be removed, and is sent again', async (bench) => {
    const archive = await bench.archive(way.size)
    const { faults } = bench.cloud.server
    const struck = faults.add({ action: { kind: 'own', name: 'flip_bit' } })
    const provider = bench.client()
    const bad = await bench.upload({ archive, provider })
    assert.equal(struck(), 1)
    const { local, file } = bad.result
    const seen = await provider.getFile(file.id, never)
    const stated = seen?.hashes.find((hash) => hash.algorithm === local.algorithm)
    assert.ok(seen !== null && stated !== undefined)
    assert.notEqual(stated.value, local.value, 'the provider states the hash of what really arrived')
    await provider.deleteFile({ id: seen.id, revision: seen.revision }, never)
    assert.equal(await provider.getFile(file.id, never), null)
    const good = await bench.upload({ archive, provider })
    await bench.assertWhole(good, archive)
  })

  scenario('a destination that is full stops the upload at once and keeps nothing of it', async (bench) => {
    const cloud = await bench.startCloud({})
    const provider = bench.client({ cloud })
    for (const each of traits.ways) {
      cloud.setQuota(Math.floor(each.size / 2))
      const archive = await bench.archive(each.size)
      const upload = bench.upload({ archive, provider, cloud })
      await assert.rejects(upload, { code: 'storage_quota_exceeded' }, each.name)
      assert.deepEqual(cloud.files(), [])
    }
  })

  scenario('a cancellation ends the upload within two seconds and gives the session up', async (bench) => {
    const archive = await bench.archive(way.size)
    const provider = bench.client({ http: { stallTimeoutMs: 60_000 } })
    bench.cloud.server.faults.add({
      ...chunk,
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'stall_after', bytes: 1000 },
    })
    const store = createMemoryStore()
    const cancelled = new AbortController()
    const reason = new Error('cancelled on request')
    const upload = bench.upload({
      archive,
      provider,
      store,
      signal: cancelled.signal,
      onSent: (sum) => {
        if (sum > 1000) cancelled.abort(reason)
      },
    })
    const ended = upload.catch((error: unknown) => error)
    const cancellation = new Promise((resolve) => cancelled.signal.addEventListener('abort', resolve))
    const late = cancellation.then(() => pause(2_000, 'too late', { ref: false }))
    assert.equal(await Promise.race([ended, late]), reason)
    const stored = store.load()
    assert.ok(stored !== null)
    await provider.abortSession(providerSession(stored), never)
    // Giving up what is given up already succeeds too.
    await provider.abortSession(providerSession(stored), never)
    assert.equal(bench.cloud.openSessions(), traits.givesUpSessions ? 0 : 1)
    assert.deepEqual(bench.cloud.files(bench.folder), [])
  })
}
