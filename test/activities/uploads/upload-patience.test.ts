// How long an upload is tried without a byte of progress, and what its attempts show and tell meanwhile.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { sql } from 'kysely'
import { ProviderError } from '../../../activities/providers/provider.ts'
import type { UploadInput } from '../../../activities/uploads/uploaded-copy.ts'
import { statusError } from '../../../workflows/failures.ts'
import { until } from '../../support/until.ts'
import { createMemoryProvider } from '../../support/uploads/memory-provider.ts'
import { MemoryUploads } from '../../support/uploads/memory-uploads.ts'

/** Attempts that follow each other at this distance count as trying all the time. */
const QUARTER_HOUR = '14 minutes 59 seconds'
/** So long it has been tried before: the rest of the day are eight attempts. */
const TRIED_MS = 22 * 3_600_000
const ATTEMPTS_LEFT = 8

const noDns = () => new ProviderError('network_unreachable', 'the name is not known to DNS')
const noService = () => new ProviderError('provider_unavailable', 'status 503', { httpStatus: 503 })

describe('the patience with an upload', () => {
  let uploads: MemoryUploads
  before(async () => {
    uploads = await MemoryUploads.create()
  })
  beforeEach(() => {
    uploads.memory = createMemoryProvider()
    uploads.signals.length = 0
  })
  after(() => uploads.deps.close())

  /** An upload that stands at 600 kB. */
  async function begun(): Promise<UploadInput> {
    const input = await uploads.aRun()
    uploads.memory.breaks.push({ stored: 600_000, lost: 0 }, ...Array(3).fill({ stored: 0, lost: 0 }))
    assert.equal((await uploads.failure(input)).type, 'network_unreachable')
    assert.equal((await uploads.session(input)).stored_bytes, 600_000)
    return input
  }
  const noSend = () => {
    uploads.memory.send = async (_target, _session, _source, _offset, { onSent }) => {
      onSent(100_000)
      throw noService()
    }
  }
  /** Attempts for the rest of a day: which was the last, and what it ended with. */
  async function tryForADay(input: UploadInput, before: (attempt: number) => void) {
    await sql`update upload_sessions set fruitless_ms = ${TRIED_MS} where run_id = ${input.run_id}`.execute(
      uploads.deps.db,
    )
    for (let attempt = 1; attempt <= 2 * ATTEMPTS_LEFT; attempt += 1) {
      await uploads.laterBy(input, QUARTER_HOUR)
      before(attempt)
      const failure = await uploads.failure(input)
      if (failure.nonRetryable === true) return { attempt, type: failure.type }
    }
    return null
  }

  it('ends after a day without a byte, whatever was stored before: every PUT is answered with 503', async () => {
    const input = await begun()
    noSend()
    const last = await tryForADay(input, () => undefined)
    assert.equal(last?.type, 'no_progress')
    assert.ok(last !== null && Math.abs(last.attempt - ATTEMPTS_LEFT) <= 1, `after ${last?.attempt} attempts`)
  })

  it('ends after a day in which some attempts reach the provider and others do not', async () => {
    const input = await begun()
    noSend()
    const { ensureFolder } = uploads.memory
    const last = await tryForADay(input, (attempt) => {
      uploads.memory.ensureFolder = attempt % 2 === 0 ? () => Promise.reject(noDns()) : ensureFolder
    })
    assert.equal(last?.type, 'no_progress')
    assert.ok(last !== null && Math.abs(last.attempt - ATTEMPTS_LEFT) <= 1, `after ${last?.attempt} attempts`)
  })

  it('is whole again with the first byte that goes beyond all before', async () => {
    const input = await begun()
    const { send } = uploads.memory
    noSend()
    await uploads.laterBy(input, QUARTER_HOUR)
    await uploads.failure(input)
    assert.ok((await uploads.session(input)).fruitless_ms >= 899_000)
    uploads.memory.send = send
    uploads.memory.breaks.push({ stored: 1, lost: 0 }, ...Array(3).fill({ stored: 0, lost: 0 }))
    await uploads.failure(input)
    const { stored_bytes, fruitless_ms } = await uploads.session(input)
    assert.equal(stored_bytes, 600_001)
    assert.ok(fruitless_ms < 60_000, `${fruitless_ms} ms`)
  })

  it('waits the longer between attempts the more of them bring nothing, and begins anew after a byte', async () => {
    const input = await begun()
    const pauses: unknown[] = []
    uploads.memory.ensureFolder = () => Promise.reject(noDns())
    for (let attempt = 1; attempt <= 3; attempt += 1)
      pauses.push((await uploads.failure(input)).nextRetryDelay)
    assert.deepEqual(pauses, [4_000, 8_000, 16_000])
    uploads.memory.ensureFolder = async (path) => ({ id: path, path })
    uploads.memory.breaks.push({ stored: 100_000, lost: 0 }, ...Array(3).fill({ stored: 0, lost: 0 }))
    assert.equal((await uploads.failure(input)).nextRetryDelay, 2_000)
  })
})

describe('what is shown of an upload', () => {
  let uploads: MemoryUploads
  before(async () => {
    uploads = await MemoryUploads.create()
  })
  beforeEach(() => {
    uploads.memory = createMemoryProvider()
    uploads.signals.length = 0
  })
  after(() => uploads.deps.close())

  const breakAt = async (stored: number) => {
    const input = await uploads.aRun()
    uploads.memory.breaks.push({ stored, lost: 0 }, ...Array(3).fill({ stored: 0, lost: 0 }))
    await uploads.failure(input)
    return input
  }

  it('does not fall back while an attempt does not know yet where the provider stands', async () => {
    const input = await breakAt(600_000)
    uploads.memory.ensureFolder = async () => {
      // Long enough for a save.
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      throw noDns()
    }
    await uploads.failure(input)
    assert.deepEqual([...new Set(uploads.beats.map((beat) => beat.bytes_sent))], [600_000])
    assert.equal((await uploads.state(input)).bytes_sent, 600_000)
    assert.equal((await uploads.session(input)).stored_bytes, 600_000)
  })

  it('costs the workflow one signal for an outage, and one for each other error', async () => {
    const input = await breakAt(600_000)
    uploads.signals.length = 0
    uploads.memory.ensureFolder = () => Promise.reject(noDns())
    for (let attempt = 1; attempt <= 5; attempt += 1) await uploads.failure(input)
    assert.equal(uploads.signals.length, 0)
    uploads.memory.ensureFolder = () => Promise.reject(noService())
    for (let attempt = 1; attempt <= 5; attempt += 1) await uploads.failure(input)
    assert.deepEqual(
      uploads.signals.map(({ status, error }) => [status, error?.code]),
      [['retrying', 'provider_unavailable']],
    )
    const { status, attempt } = await uploads.state(input)
    assert.deepEqual([status, attempt], ['retrying', 11])
  })

  it('tells the workflow of progress when a twentieth more has gone, and not before', async () => {
    const input = await uploads.aRun()
    const twentieth = uploads.size / 20
    const told = () => uploads.signals.filter(({ status }) => status === undefined)
    const { send } = uploads.memory
    uploads.memory.send = async (target, session, source, offset, context) => {
      context.onSent(twentieth - 1)
      const before = uploads.beats.length
      // Longer than the pause between two signals.
      await until('four more beats', async () => (uploads.beats.length >= before + 4 ? true : null))
      assert.deepEqual(told(), [])
      context.onSent(1)
      await until('the workflow is told', async () => (told().length > 0 ? true : null))
      assert.deepEqual(told(), [{ bytes_sent: twentieth }])
      return send(target, session, source, offset, context)
    }
    await uploads.upload(input)
  })

  it('is uploading again when bytes have arrived', async () => {
    const input = await breakAt(600_000)
    uploads.signals.length = 0
    await uploads.upload(input)
    const { status, error, bytes_sent } = await uploads.state(input)
    assert.deepEqual([status, error, bytes_sent], ['uploading', null, uploads.size])
    assert.deepEqual(
      uploads.signals.map((signal) => [signal.status, signal.bytes_sent]),
      [['uploading', uploads.size]],
    )
  })
})

describe('an upload that is scheduled once more', () => {
  it('first waits as long as the last attempt asked, then goes on, also where a person ended the wait', async () => {
    const uploads = await MemoryUploads.create()
    try {
      const input = await uploads.aRun()
      const error = statusError('network_unreachable', 'There is no route.')
      const later = { ...input, resume_after: { pause_ms: 240_000, error } }
      const waiting = await uploads.failure(later)
      assert.deepEqual(
        [waiting.type, waiting.message, waiting.nonRetryable, waiting.nextRetryDelay],
        ['network_unreachable', error.message, false, 240_000],
      )
      assert.equal((await uploads.state(input)).status, 'pending')
      assert.equal((await uploads.upload(later)).attempt, 1)
    } finally {
      await uploads.deps.close()
    }
  })
})

describe('what an attempt of an upload found out', () => {
  let uploads: MemoryUploads
  before(async () => {
    uploads = await MemoryUploads.create()
  })
  beforeEach(() => {
    uploads.memory = createMemoryProvider()
    uploads.given = uploads.deps
  })
  after(() => uploads.deps.close())

  const refused = () => new ProviderError('credentials_refused', 'the token is refused')

  it('is not taken for a lost worker while it is judged: the beats go on to the end', async () => {
    const input = await uploads.aRun()
    let isJudged = false
    const opened = await uploads.deps.accounts.open(input.account_id)
    uploads.memory.ensureFolder = () => {
      isJudged = true
      return Promise.reject(refused())
    }
    uploads.given = {
      ...uploads.deps,
      accounts: {
        open: async () => {
          if (isJudged) {
            const before = uploads.beats.length
            await until('two more beats', async () => (uploads.beats.length >= before + 2 ? true : null))
          }
          return opened
        },
      },
    }
    const failure = await uploads.failure(input)
    assert.deepEqual([failure.type, failure.nonRetryable], ['credentials_refused', true])
  })

  it('is not replaced by a database that refuses to take the place back', async () => {
    const input = await uploads.aRun()
    const { db } = uploads.deps
    uploads.given = {
      ...uploads.deps,
      db: new Proxy(db, {
        get: (target, name) => {
          if (name === 'deleteFrom')
            return () => {
              throw new Error('Connection terminated unexpectedly')
            }
          const value: unknown = Reflect.get(target, name, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
    }
    assert.equal((await uploads.upload(input)).size, uploads.size)
    const other = await uploads.aRun()
    uploads.memory.ensureFolder = () => Promise.reject(refused())
    assert.equal((await uploads.failure(other)).type, 'credentials_refused')
  })

  it('ends the upload for good where the database knows no archive of the run, or not the run at all', async () => {
    const input = await uploads.aRun()
    await sql`update runs set pin = null, pin_path = null, archive_path = null, size = null, archive_mtime_ns = null
      where id = ${input.run_id}`.execute(uploads.deps.db)
    const unpinned = await uploads.failure(input)
    assert.deepEqual([unpinned.type, unpinned.nonRetryable], ['run_unknown', true])
    assert.equal(
      unpinned.message,
      'The database knows no archive of this run. Report the archive again as a new run: the database is older or newer than the workflow, or another one.',
    )
    const unknown = await uploads.failure({ ...input, run_id: 'never-recorded' })
    assert.deepEqual([unknown.type, unknown.nonRetryable], ['run_unknown', true])
  })
})
