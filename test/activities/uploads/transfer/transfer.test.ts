import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { openArchiveSource } from '../../../../activities/archives/archive-source.ts'
import { ProviderError, type UploadSession } from '../../../../activities/providers/provider.ts'
import { readKept } from '../../../../activities/uploads/kept-session.ts'
import type { TransferNote } from '../../../../activities/uploads/transfer/options.ts'
import type { RecognisedFile } from '../../../../activities/uploads/transfer/recognise-file.ts'
import { transfer } from '../../../../activities/uploads/transfer/transfer.ts'
import { createMemoryProvider, type MemoryProvider } from '../../../support/uploads/memory-provider.ts'

const NAMES = ['acme.dump', 'acme.1a2b3c4d.dump'] as const
const SIZE = 1_500_000

type Upload = ReturnType<typeof anUpload>

/** What outlives an attempt: the provider, the stored session, and what was told. */
function anUpload(provider: MemoryProvider, path: string) {
  let stored: string | null = null
  let restarts = 0
  const told = { sent: 0, continued: [] as number[], notes: [] as TransferNote[] }
  const sessions = {
    load: (): UploadSession | null => (stored === null ? null : JSON.parse(stored)),
    save: async (session: UploadSession) => {
      stored = JSON.stringify(session)
    },
    drop: async () => {
      stored = null
    },
    restart: async () => {
      stored = null
      restarts += 1
      return restarts
    },
  }
  return {
    provider,
    told,
    sessions,
    /** One attempt, as a worker makes it: the archive is opened anew. */
    async attempt(signal = new AbortController().signal): Promise<RecognisedFile> {
      const { size, mtimeNs } = await stat(path, { bigint: true })
      const archive = { path, name: 'acme.dump', size: Number(size), mtime_ns: String(mtimeNs) }
      const source = await openArchiveSource(archive, provider.hashAlgorithm)
      try {
        return await transfer({
          provider,
          folder: { id: '/acme', path: '/acme' },
          names: NAMES,
          upload: { runId: 'r-1a2b3c4d', instance: 'acme', size: archive.size },
          source,
          sessions,
          events: {
            onSent: (bytes) => {
              told.sent += bytes
            },
            onStored: () => undefined,
            onContinue: (offset) => void told.continued.push(offset),
            onNote: async (note) => void told.notes.push(note),
          },
          signal,
        })
      } finally {
        await source.close()
      }
    },
    events: () => told.notes.map(({ event }) => event),
  }
}

describe('bringing an archive to a destination', () => {
  let folder: string
  let path: string
  const content = randomBytes(SIZE)
  const md5 = createHash('md5').update(content).digest('hex')
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-archives-'))
    path = join(folder, 'acme.dump')
    await writeFile(path, content)
  })
  after(() => rm(folder, { recursive: true, force: true }))

  const start = () => anUpload(createMemoryProvider(), path)
  const namesIn = ({ provider }: Upload) => [...provider.files.values()].map(({ file }) => file.name)
  function assertWhole(upload: Upload, result: RecognisedFile): void {
    assert.deepEqual(result.local, { algorithm: 'md5', value: md5 })
    assert.ok(upload.provider.files.get(result.file.id)?.content.equals(content))
  }
  const breaking = (stored: number, lost = 0, error?: Error) => ({ stored, lost, error })
  const fails = (code: ConstructorParameters<typeof ProviderError>[0], retryAfterMs?: number) =>
    new ProviderError(code, 'x', { retryAfterMs })

  it('sends every byte once and says what it read', async () => {
    const upload = start()
    const result = await upload.attempt()
    assertWhole(upload, result)
    assert.equal(result.already_present, false)
    assert.deepEqual([upload.told.sent, upload.told.continued, upload.events()], [SIZE, [0], []])
  })

  it('saves the session before the first byte (docs/design.md, rule 3)', async () => {
    const upload = start()
    let saved: UploadSession | null = null
    upload.provider.onSend = (session) => {
      saved = upload.sessions.load()
      assert.deepEqual(saved?.provider_session, session)
    }
    await upload.attempt()
    assert.ok(saved !== null)
  })

  it('keeps the session that was being opened when the attempt was cancelled, and sends nothing', async () => {
    const upload = start()
    const { provider } = upload
    const cancelled = new AbortController()
    const open = provider.openSession
    provider.openSession = async (target, signal) => {
      cancelled.abort(new Error('cancelled'))
      await delay(20, undefined, { signal })
      return open(target, signal)
    }
    await assert.rejects(upload.attempt(cancelled.signal), /cancelled/)
    assert.deepEqual([provider.openSessions(), provider.calls.send], [1, 0])
    const stored = upload.sessions.load() ?? assert.fail('nobody knows the session')
    await provider.abortSession(readKept(stored).session, AbortSignal.timeout(1_000))
    assert.equal(provider.openSessions(), 0)
  })

  it('goes on where the provider stands, through any breaks and any attempts, to one whole file (docs/design.md, rules 1 to 3)', async () => {
    const anyBreak = fc.record({
      stored: fc.oneof(fc.nat(SIZE), fc.constantFrom(0, 1, SIZE - 1, SIZE)),
      lost: fc.oneof(fc.constant(0), fc.nat(300_000)),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(anyBreak, { maxLength: 12 }), fc.boolean(), async (breaks, isForgetful) => {
        const upload = start()
        const { provider, told } = upload
        provider.breaks.push(...breaks)
        let result: RecognisedFile | null = null
        for (let attempt = 0; result === null && attempt < 20; attempt += 1) {
          // A provider may forget a session whose file is there.
          if (isForgetful && provider.files.size > 0) provider.forgetSessions()
          result = await upload.attempt().catch((error: unknown) => {
            if (error instanceof ProviderError && error.code === 'network_unreachable') return null
            throw error
          })
        }
        assert.ok(result !== null)
        assertWhole(upload, result)
        assert.deepEqual(namesIn(upload), ['acme.dump'])
        assert.equal(told.sent, SIZE + provider.lostBytes())
        assert.equal(provider.calls.open, 1)
      }),
      { numRuns: 60 },
    )
  })

  it('asks again at once while bytes arrive, and after three tries without any leaves it to Temporal', async () => {
    const many = start()
    many.provider.breaks.push(...Array.from({ length: 20 }, () => breaking(50_000)))
    assertWhole(many, await many.attempt())
    assert.equal(many.provider.calls.send, 21)
    const none = start()
    none.provider.breaks.push(...Array.from({ length: 9 }, () => breaking(0)))
    await assert.rejects(none.attempt(), { code: 'network_unreachable' })
    assert.equal(none.provider.calls.send, 3)
  })

  it('does not go against a pause, a bad certificate or a fault that stays', async () => {
    const errors = [
      fails('rate_limited'),
      fails('provider_unavailable', 5_000),
      fails('certificate_invalid'),
      fails('storage_quota_exceeded'),
      fails('credentials_refused'),
      new TypeError('a bug'),
    ]
    for (const error of errors) {
      const upload = start()
      upload.provider.breaks.push(breaking(100_000, 0, error))
      await assert.rejects(upload.attempt(), (thrown) => thrown === error)
      assert.equal(upload.provider.calls.send, 1)
      assertWhole(upload, await upload.attempt())
      assert.deepEqual(upload.told.notes, [{ event: 'upload_resumed', offset: 100_000 }])
    }
  })

  it('finds the file that it finished when the answer was lost', async () => {
    const upload = start()
    upload.provider.breaks.push(breaking(SIZE))
    const result = await upload.attempt()
    assertWhole(upload, result)
    assert.deepEqual([upload.provider.calls.send, upload.told.sent, result.already_present], [1, SIZE, false])
  })

  it('counts a file of equal content as uploaded and sends nothing (docs/design.md, rule 2)', async () => {
    for (const name of NAMES) {
      const upload = start()
      if (name !== NAMES[0]) upload.provider.put(NAMES[0], Buffer.from('other'))
      const standing = upload.provider.put(name, content)
      const result = await upload.attempt()
      assert.deepEqual(result, {
        file: standing,
        local: { algorithm: 'md5', value: md5 },
        already_present: true,
      })
      assert.deepEqual(upload.told.notes, [{ event: 'already_present', name }])
      assert.deepEqual([upload.told.sent, upload.provider.calls.open], [0, 0])
    }
  })

  it('never overwrites other content: the run ID comes into the name, and it is said (docs/design.md, rule 2)', async () => {
    for (const other of [Buffer.from('other'), randomBytes(SIZE)]) {
      const upload = start()
      const standing = upload.provider.put(NAMES[0], other)
      assertWhole(upload, await upload.attempt())
      assert.deepEqual(namesIn(upload), [...NAMES])
      assert.ok(upload.provider.files.get(standing.id)?.content.equals(other))
      assert.deepEqual(upload.told.notes, [
        { event: 'name_conflict_renamed', wanted: NAMES[0], name: NAMES[1] },
      ])
    }
  })

  it('fails when files of other content hold both names', async () => {
    const upload = start()
    for (const name of NAMES) upload.provider.put(name, Buffer.from('other'))
    await assert.rejects(upload.attempt(), { name: 'StepError', code: 'name_conflict' })
    assert.deepEqual([upload.told.sent, upload.provider.calls.open, upload.provider.files.size], [0, 0, 2])
  })

  it('takes the other name also when the first is taken while it sends, and leaves no session behind', async () => {
    const upload = start()
    upload.provider.onCommit = () => {
      upload.provider.onCommit = () => undefined
      upload.provider.put(NAMES[0], Buffer.from('faster'))
    }
    assertWhole(upload, await upload.attempt())
    assert.deepEqual(namesIn(upload), [...NAMES])
    assert.equal(upload.provider.openSessions(), 0)
    const both = start()
    both.provider.onCommit = () =>
      void both.provider.put(NAMES[both.provider.files.size] ?? 'x', Buffer.from('faster'))
    await assert.rejects(both.attempt(), { code: 'name_conflict' })
    assert.ok([...both.provider.files.values()].every((file) => file.content.toString() === 'faster'))
  })

  it('finishes at the name that the session was opened for, whatever stands elsewhere by then', async () => {
    const upload = start()
    const standing = upload.provider.put(NAMES[0], Buffer.from('other'))
    upload.provider.breaks.push(breaking(400_000, 0, fails('rate_limited')))
    await assert.rejects(upload.attempt())
    ;(upload.provider.files as Map<string, unknown>).delete(standing.id)
    assertWhole(upload, await upload.attempt())
    assert.deepEqual(namesIn(upload), [NAMES[1]])
    assert.deepEqual(upload.told.continued, [0, 400_000])
  })

  it('starts over when the provider has forgotten the session, and says so', async () => {
    const upload = start()
    upload.provider.breaks.push(breaking(400_000, 0, fails('rate_limited')))
    await assert.rejects(upload.attempt())
    upload.provider.forgetSessions()
    assertWhole(upload, await upload.attempt())
    assert.deepEqual(upload.told.notes, [{ event: 'session_restarted', restarts: 1 }])
    assert.deepEqual([upload.told.sent, namesIn(upload)], [SIZE + 400_000, ['acme.dump']])
  })

  it('gives up with a provider that forgets session after session', async () => {
    const upload = start()
    upload.provider.onSend = () => upload.provider.forgetSessions()
    for (let attempt = 0; attempt < 9; attempt += 1) {
      const failure = await upload.attempt().then(
        () => assert.fail('there is no session that lives'),
        (error: { code?: string }) => error.code,
      )
      if (failure === 'session_too_slow') break
      assert.equal(failure, 'session_expired')
      assert.ok(attempt < 8)
    }
    assert.equal(upload.provider.calls.open, 4)
  })

  it('keeps what the provider writes into its session while it sends', async () => {
    const upload = start()
    const { send } = upload.provider
    upload.provider.send = async (target, session, source, offset, context) => {
      await context.saveSession({ ...session, ledger: [0, 7] })
      return send(target, session, source, offset, context)
    }
    await upload.attempt()
    const stored = upload.sessions.load()
    assert.deepEqual([Object(stored?.provider_session).ledger, stored?.remote_name], [[0, 7], NAMES[0]])
  })

  it('stops with the reason of the signal', async () => {
    const stop = new AbortController()
    const reason = new Error('cancelled')
    const upload = start()
    upload.provider.onSend = () => stop.abort(reason)
    await assert.rejects(upload.attempt(stop.signal), (error) => error === reason)
    assert.deepEqual([upload.provider.files.size, upload.provider.openSessions()], [0, 1])
  })

  it('makes no file of an archive that changes while it is sent (docs/design.md, rule 1)', async () => {
    const changing = join(folder, 'changing.dump')
    await writeFile(changing, content)
    const upload = anUpload(createMemoryProvider(), changing)
    upload.provider.breaks.push(breaking(400_000))
    const { querySession } = upload.provider
    upload.provider.querySession = async (...parts) => {
      await appendFile(changing, 'x')
      return querySession(...parts)
    }
    await assert.rejects(upload.attempt(), { code: 'archive_changed' })
    assert.equal(upload.provider.files.size, 0)
  })

  it('does not guess what a stored session means that it did not write', async () => {
    const upload = start()
    await upload.sessions.save({ created_at: '2026-11-23T00:00:00Z', other: true })
    await assert.rejects(upload.attempt(), { name: 'StepError', code: 'internal_error' })
    assert.equal(upload.told.sent, 0)
  })
})
