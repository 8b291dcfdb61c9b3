// Uploads to Google Drive: whole, once, and never from zero (docs/design.md, rules 1 to 3), against the emulator.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { UploadSession } from '../../../../activities/providers/provider.ts'
import type { Fault } from '../../../clouds/faults.ts'
import {
  assertOneWholeCopy,
  clientOf,
  context,
  KIB,
  MIB,
  refusedWith,
  sampleBytes,
  signal,
  sourceOf,
  startDrive,
  targetIn,
  uploadThrough,
  uploadWith,
} from './harness.ts'

describe('an upload to Google Drive', () => {
  for (const size of [1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 2 * MIB, 2 * MIB + 1]) {
    it(`of ${size} bytes arrives whole, with the hashes of its bytes`, async () => {
      await using setup = await startDrive()
      const { file, progress, data } = await uploadWith(setup, size)
      assert.equal(file.size, size)
      assert.deepEqual(file.hashes, [
        { algorithm: 'sha256', value: createHash('sha256').update(data).digest('hex') },
        { algorithm: 'md5', value: createHash('md5').update(data).digest('hex') },
      ])
      assert.match(file.uploaded_at, /^\d{4}-.*Z$/)
      assert.equal(progress.sent, size)
      assert.equal(setup.google.openSessions(), 0)
      assert.equal(setup.google.server.bytesReceived('chunk'), size)
    })
  }

  it('is invisible until its last byte, and carries the marks of its run', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    const target = targetIn(folder, 'acme.dump', 4)
    const session = await drive.openSession(target, signal)
    assert.deepEqual(google.files(), [])
    assert.deepEqual(await drive.querySession(target, session, signal), { kind: 'open', offset: 0 })
    const file = await drive.send(target, session, sourceOf(Buffer.from('abcd')), 0, context)
    assert.deepEqual(google.world.items.get(file.id)?.appProperties, { run_id: 'run-1', instance: 'acme' })
    assert.equal(file.id, session.file_id)
  })

  it('replaces marks that are too long for Drive by their digest', async () => {
    await using setup = await startDrive()
    const folder = await setup.drive.ensureFolder('/', signal)
    const target = { ...targetIn(folder, 'a.zip', 1), instance: 'ä'.repeat(70) }
    const { file } = await uploadThrough(setup.drive, target, Buffer.from('x'))
    assert.match(setup.google.world.items.get(file.id)?.appProperties.instance ?? '', /^sha256:[0-9a-f]{64}$/)
  })

  it('goes on from what Drive has after each of 20 resets', async () => {
    await using setup = await startDrive()
    const bytes = Array.from({ length: 20 }, (_, at) => 1 + ((at * 7919 * 131) % (900 * KIB)))
    const faults = bytes.map(
      (count): Fault => ({ operation: 'chunk', action: { kind: 'reset_after', bytes: count } }),
    )
    const { progress } = await uploadWith(setup, 12 * MIB + 5, faults)
    assert.equal(progress.failures.length, 20)
    assert.deepEqual(
      progress.offsets,
      progress.offsets.toSorted((a, b) => a - b),
    )
    assert.equal(progress.sessions, 1)
    // What is sent twice is at most what did not fill a unit of 256 KiB.
    assert.ok(setup.google.server.bytesReceived('chunk') <= 12 * MIB + 5 + 20 * 256 * KIB)
  })

  it('goes on in another process, with the session as it was saved', async () => {
    await using setup = await startDrive()
    const { google, drive, http } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    const data = sampleBytes(3 * MIB)
    const target = targetIn(folder, 'acme.dump', data.byteLength)
    const session = await drive.openSession(target, signal)
    google.server.faults.add({ operation: 'chunk', action: { kind: 'reset_after', bytes: 2 * MIB } })
    await refusedWith('network_unreachable', drive.send(target, session, sourceOf(data), 0, context))
    const saved: UploadSession = JSON.parse(JSON.stringify(session))
    const { file, progress } = await uploadThrough(clientOf(google, http), target, data, { session: saved })
    assert.deepEqual(progress.offsets, [2 * MIB])
    assertOneWholeCopy(setup, data, file.id)
  })

  it('sends again what Drive did not keep', async () => {
    await using setup = await startDrive()
    const keep = (bytes: number): Fault => ({
      operation: 'chunk',
      action: { kind: 'own', name: 'keep_only', value: bytes },
    })
    const { progress } = await uploadWith(setup, 2 * MIB, [keep(512 * KIB), keep(256 * KIB)])
    assert.deepEqual(progress.failures, [])
    assert.equal(setup.google.server.bytesReceived('chunk'), 2 * MIB + 1.5 * MIB + 1.25 * MIB)
  })

  it('takes a missing Range for nothing stored, and does not loop within one call', async () => {
    await using setup = await startDrive()
    const { progress } = await uploadWith(setup, 1 * MIB, [
      { operation: 'chunk', action: { kind: 'own', name: 'keep_only', value: 0 } },
    ])
    assert.deepEqual(progress.failures, ['provider_unavailable'])
    assert.deepEqual(progress.offsets, [0, 0])
  })

  for (const operation of ['generate_ids', 'open', 'chunk', 'status'] as const) {
    it(`leaves one file when the answer to ${operation} is lost`, async () => {
      await using setup = await startDrive()
      const faults: Fault[] = [{ operation, action: { kind: 'lose_answer' } }]
      if (operation === 'status') faults.unshift({ operation: 'chunk', action: { kind: 'lose_answer' } })
      const { progress } = await uploadWith(setup, 700 * KIB, faults)
      assert.equal(progress.sent, 700 * KIB)
    })
    it(`leaves one file when the answer to ${operation} is cut off`, async () => {
      await using setup = await startDrive()
      const faults: Fault[] = [{ operation, action: { kind: 'truncate_answer' } }]
      if (operation === 'status') faults.unshift({ operation: 'chunk', action: { kind: 'lose_answer' } })
      await uploadWith(setup, 700 * KIB, faults)
    })
  }

  for (const goneStatus of [404, 410] as const) {
    it(`starts over when the session is answered ${goneStatus}, and finds the file when it had been completed`, async () => {
      await using setup = await startDrive({ goneStatus })
      const { google, drive } = setup
      google.server.faults.add({ operation: 'chunk', action: { kind: 'reset_after', bytes: 300 * KIB } })
      const { progress, target, file } = await uploadWith(setup, 700 * KIB, [
        { operation: 'status', action: { kind: 'own', name: 'forget_session' } },
      ])
      assert.equal(progress.sessions, 2)
      google.forgetSessions()
      const session = {
        created_at: '2026-01-01T00:00:00Z',
        uri: `${google.server.origin}/upload/drive/v3/files?upload_id=x`,
        file_id: file.id,
      }
      assert.deepEqual(await drive.querySession(target, session, signal), { kind: 'complete', file })
      assert.deepEqual(
        await drive.send(target, session, sourceOf(Buffer.alloc(target.size)), 0, context),
        file,
      )
    })
  }

  it('reports a session that is gone while sending as session_expired', async () => {
    await using setup = await startDrive()
    const folder = await setup.drive.ensureFolder('/', signal)
    const target = targetIn(folder, 'a.zip', 3)
    const session = await setup.drive.openSession(target, signal)
    setup.google.forgetSessions()
    await refusedWith(
      'session_expired',
      setup.drive.send(target, session, sourceOf(Buffer.from('abc')), 0, context),
    )
    assert.deepEqual(await setup.drive.querySession(target, session, signal), { kind: 'gone' })
    await setup.drive.abortSession(session, signal)
  })

  for (const idInUseReason of ['fileIdInUse', 'duplicate']) {
    it(`counts a 409 (${idInUseReason}) at the end as the file that is there`, async () => {
      await using setup = await startDrive({ idInUseReason })
      const { google, drive } = setup
      const folder = await drive.ensureFolder('/acme', signal)
      const data = sampleBytes(100)
      const target = targetIn(folder, 'acme.dump', 100)
      const first = await drive.openSession(target, signal)
      const file = await drive.send(target, first, sourceOf(data), 0, context)
      // A session whose file was made by another one, as when a finished upload is repeated.
      google.server.faults.add({ operation: 'chunk', action: { kind: 'status', status: 409 } })
      assert.deepEqual(await drive.send(target, first, sourceOf(data), 0, context), file)
      assertOneWholeCopy(setup, data, file.id)
    })
  }

  for (const sessionNeedsBearer of [false, true]) {
    it(`outlives its token (session ${sessionNeedsBearer ? 'asks for one' : 'address is enough'})`, async () => {
      await using setup = await startDrive({ sessionNeedsBearer })
      const { progress } = await uploadWith(setup, 1 * MIB, [
        { operation: 'open', action: { kind: 'own', name: 'expire_tokens' } },
        { operation: 'chunk', action: { kind: 'own', name: 'expire_tokens' } },
        { operation: 'chunk', times: 2, action: { kind: 'reset_after', bytes: 300 * KIB } },
        { operation: 'status', action: { kind: 'own', name: 'expire_tokens' } },
      ])
      assert.equal(progress.sessions, 1)
      assert.deepEqual([...new Set(progress.failures)], ['network_unreachable'])
    })
  }

  it('goes without an ID of its own where the shared drive takes none, and is still found after a lost answer', async () => {
    await using setup = await startDrive({ takesIdsInSharedDrives: false })
    const { google, drive } = setup
    const { file, target } = await uploadWith(setup, 400 * KIB, [
      { operation: 'chunk', action: { kind: 'lose_answer' } },
      { operation: 'status', action: { kind: 'own', name: 'forget_session' } },
    ])
    const session = {
      created_at: '2026-01-01T00:00:00Z',
      uri: `${google.server.origin}/upload/drive/v3/files?upload_id=x`,
      file_id: null,
    }
    const state = await drive.querySession(target, session, signal)
    assert.deepEqual(state, { kind: 'complete', file })
  })

  it('asks once more for the hash when the last answer lacks it', async () => {
    await using setup = await startDrive()
    const { file } = await uploadWith(setup, 1000, [
      { operation: 'get', action: { kind: 'own', name: 'omit_sha256' } },
    ])
    assert.deepEqual(
      file.hashes.map(({ algorithm }) => algorithm),
      ['sha256', 'md5'],
    )
  })

  it('gives md5 alone where Drive never states sha256', async () => {
    await using setup = await startDrive()
    const { file } = await uploadWith(setup, 1000, [
      { operation: 'get', times: Infinity, action: { kind: 'own', name: 'omit_sha256' } },
    ])
    assert.deepEqual(
      file.hashes.map(({ algorithm }) => algorithm),
      ['md5'],
    )
  })

  it('shows the hash of what arrived, not of what was sent', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    google.server.faults.add({ operation: 'chunk', action: { kind: 'own', name: 'flip_bit' } })
    const folder = await drive.ensureFolder('/acme', signal)
    const data = sampleBytes(1000)
    const { file } = await uploadThrough(drive, targetIn(folder, 'acme.dump', 1000), data)
    assert.notEqual(file.hashes[0]?.value, createHash('sha256').update(data).digest('hex'))
  })
})
