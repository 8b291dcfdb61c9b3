// Uploads to Google Drive that are slowed, stopped or led astray: pauses, stalls, cancellation, foreign hosts.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProviderError } from '../../../../activities/providers/provider.ts'
import {
  context,
  KIB,
  MIB,
  refusedWith,
  sampleBytes,
  signal,
  sourceOf,
  startDrive,
  targetIn,
  uploadWith,
} from './harness.ts'

describe('an interrupted upload to Google Drive', () => {
  it('gives a pause to the caller as Retry-After says', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    const target = targetIn(folder, 'acme.dump', 1000)
    const pause = (operation: string) =>
      google.server.faults.add({
        operation,
        action: { kind: 'status', status: 429, headers: { 'Retry-After': '7' } },
      })
    pause('open')
    assert.equal((await refusedWith('rate_limited', drive.openSession(target, signal))).retryAfterMs, 7000)
    const session = await drive.openSession(target, signal)
    pause('chunk')
    const source = sourceOf(sampleBytes(1000))
    assert.equal(
      (await refusedWith('rate_limited', drive.send(target, session, source, 0, context))).retryAfterMs,
      7000,
    )
    pause('status')
    assert.equal(
      (await refusedWith('rate_limited', drive.querySession(target, session, signal))).retryAfterMs,
      7000,
    )
    pause('get')
    assert.equal((await refusedWith('rate_limited', drive.getFile('x', signal))).retryAfterMs, 7000)
  })

  it('makes each call once: nothing is retried behind the back of Temporal', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    google.server.faults.add({ operation: 'token', times: Infinity, action: { kind: 'status', status: 503 } })
    await refusedWith('provider_unavailable', drive.getFile('x', signal))
    google.server.faults.clear()
    google.server.faults.add({ operation: 'get', times: Infinity, action: { kind: 'status', status: 503 } })
    await refusedWith('provider_unavailable', drive.getFile('x', signal))
    google.server.faults.clear()
    google.server.faults.add({ operation: 'get', times: Infinity, action: { kind: 'refuse' } })
    await refusedWith('network_unreachable', drive.getFile('x', signal))
    assert.deepEqual(
      google.server.requests.map(({ operation }) => operation),
      ['token', 'token', 'get', 'get'],
    )
  })

  it('gives a transfer up in which no byte moves, and goes on afterwards', async () => {
    await using setup = await startDrive({ http: { stallTimeoutMs: 250 } })
    const { progress } = await uploadWith(setup, 24 * MIB, [
      { operation: 'chunk', action: { kind: 'stall_after', bytes: 512 * KIB } },
    ])
    assert.deepEqual(progress.failures, ['network_stalled'])
    assert.ok((progress.offsets[1] ?? 0) > 0)
  })

  it('opens a forgotten session anew for the same file ID, so that a late file stays the only one', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    const data = sampleBytes(1000)
    const target = targetIn(folder, 'acme.dump', data.byteLength)
    const first = await drive.openSession(target, signal)
    google.forgetSessions()
    assert.deepEqual(await drive.querySession(target, first, signal), { kind: 'gone' })
    const second = await drive.openSession(target, signal, first)
    assert.equal(second.file_id, first.file_id)
    const file = await drive.send(target, second, sourceOf(data), 0, context)
    assert.equal(file.id, first.file_id)

    // As if the file of the second session had come late, after it was called gone.
    google.forgetSessions()
    const third = await drive.openSession(target, signal, second)
    assert.equal(third, second)
    const state = await drive.querySession(target, third, signal)
    assert.equal(state.kind === 'complete' && state.file.id, file.id)
    assert.equal(google.files('/acme').length, 1)
  })

  it('shares one token among all that start at once', async () => {
    await using setup = await startDrive()
    await Promise.all(Array.from({ length: 8 }, () => setup.drive.getFile('nothing', signal)))
    assert.equal(setup.google.server.requests.filter(({ operation }) => operation === 'token').length, 1)
    setup.google.expireTokens()
    await Promise.all(Array.from({ length: 8 }, () => setup.drive.getFile('nothing', signal)))
    assert.equal(setup.google.server.requests.filter(({ operation }) => operation === 'token').length, 2)
  })

  it('sends no token to the session address, and gets no compressed answers', async () => {
    await using setup = await startDrive()
    await uploadWith(setup, 10)
    const chunks = setup.google.server.requests.filter(({ operation }) => operation === 'chunk')
    assert.deepEqual(
      chunks.map(({ hasAuthorization }) => hasAuthorization),
      [false],
    )
  })

  it('ends at once when it is cancelled, and leaves nothing after giving the session up', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    const data = sampleBytes(4 * MIB)
    const target = targetIn(folder, 'acme.dump', data.byteLength)
    const session = await drive.openSession(target, signal)
    const cancel = new AbortController()
    const onSent = () => cancel.abort(new Error('cancelled by a person'))
    google.server.faults.add({ operation: 'chunk', action: { kind: 'stall_after', bytes: 256 * KIB } })
    const sending = drive.send(target, session, sourceOf(data), 0, {
      ...context,
      signal: cancel.signal,
      onSent,
    })
    await assert.rejects(sending, /cancelled by a person/)
    assert.equal(google.openSessions(), 1)
    await drive.abortSession(session, signal)
    assert.equal(google.openSessions(), 0)
    assert.deepEqual(google.files(), [])
    await drive.abortSession(session, signal)
  })

  it('ends at once when it is cancelled while the token is fetched', async () => {
    await using setup = await startDrive()
    setup.google.server.faults.add({ operation: 'token', action: { kind: 'stall_after', bytes: 1 } })
    const cancel = new AbortController()
    const reading = setup.drive.getFile('x', cancel.signal)
    cancel.abort(new Error('cancelled by a person'))
    await assert.rejects(reading, /cancelled by a person/)
  })

  it('hands on the failure of the archive, and commits nothing', async () => {
    await using setup = await startDrive()
    const { google, drive } = setup
    const folder = await drive.ensureFolder('/acme', signal)
    const target = targetIn(folder, 'acme.dump', 2 * MIB)
    const session = await drive.openSession(target, signal)
    const changed = new ProviderError('archive_changed', 'the archive changed')
    const source = {
      size: 2 * MIB,
      read: async function* () {
        yield Buffer.alloc(MIB)
        throw changed
      },
    }
    await assert.rejects(drive.send(target, session, source, 0, context), (cause) => cause === changed)
    assert.deepEqual(google.files(), [])
  })

  it('refuses to send the archive to a host that is not known', async () => {
    await using setup = await startDrive()
    const folder = await setup.drive.ensureFolder('/', signal)
    for (const Location of [
      'https://evil.example/upload?upload_id=1',
      'http://127.0.0.1/upload?upload_id=1',
    ]) {
      setup.google.server.faults.add({
        operation: 'open',
        action: { kind: 'status', status: 200, headers: { Location } },
      })
      await refusedWith('insecure_redirect', setup.drive.openSession(targetIn(folder, 'a.zip', 1), signal))
    }
  })

  it('takes a malformed saved session for one that is gone', async () => {
    await using setup = await startDrive()
    const target = targetIn({ id: 'x', path: '/' }, 'a.zip', 1)
    const session = { created_at: '2026-01-01T00:00:00Z', uri: 'nonsense' }
    assert.deepEqual(await setup.drive.querySession(target, session, signal), { kind: 'gone' })
    await setup.drive.abortSession(session, signal)
    await refusedWith(
      'session_expired',
      setup.drive.send(target, session, sourceOf(Buffer.from('x')), 0, context),
    )
  })
})
