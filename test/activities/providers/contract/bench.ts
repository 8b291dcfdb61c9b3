// What the contract is run on: one emulated cloud for all its scenarios, archives on disk, and the real engine
// (`transfer`) with the real archive source over the real HTTP client. The loop around it stands for Temporal: it comes
// again after what can heal, and writes down how long it was told to wait; it waits only where a scenario needs it, and
// then for pauses up to 2 s.

import assert from 'node:assert/strict'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type ExpectedArchive, openArchiveSource } from '../../../../activities/archives/archive-source.ts'
import { identify } from '../../../../activities/archives/find-archive.ts'
import { type Cause, causeOf } from '../../../../activities/failures.ts'
import { createHttpClient, type HttpClient, type HttpOptions } from '../../../../activities/http/client.ts'
import { createProvider } from '../../../../activities/providers/index.ts'
import type { Provider, UploadSession } from '../../../../activities/providers/provider.ts'
import type { SessionStore, TransferNote } from '../../../../activities/uploads/transfer/options.ts'
import type { RecognisedFile } from '../../../../activities/uploads/transfer/recognise-file.ts'
import { transfer } from '../../../../activities/uploads/transfer/transfer.ts'
import { loadConfig } from '../../../../db/process/config.ts'
import { isRetryable } from '../../../../workflows/errors.ts'
import { createTestAuthority, type TestAuthority, trustHere } from '../../../clouds/certificates.ts'
import type { Figures } from './scoreboard.ts'
import type { CloudStart, ContractCloud, ProviderTraits } from './traits.ts'

export const never = new AbortController().signal

export type ClientOptions = {
  readonly cloud?: ContractCloud
  /** Another port than the emulator's own (a gate in front of it). */
  readonly port?: number
  readonly credentials?: Record<string, unknown>
  readonly http?: HttpOptions
  readonly now?: () => number
  /** As the program makes it, with chunks for real archives. */
  readonly isAsShipped?: boolean
}

export type UploadOptions = {
  readonly archive: ExpectedArchive
  readonly provider?: Provider
  readonly folder?: string
  readonly names?: readonly string[]
  readonly cloud?: ContractCloud
  readonly store?: MemoryStore
  readonly signal?: AbortSignal
  /** Called as bytes are handed to the socket, with their sum. */
  readonly onSent?: (sum: number) => void
  readonly onFailure?: (cause: Cause) => void | Promise<void>
  /** Really waits as told. */
  readonly keepsPauses?: boolean
}

export type Course = {
  readonly result: RecognisedFile
  /** What Temporal would have retried, in order. */
  readonly failures: readonly Cause[]
  readonly notes: readonly TransferNote[]
  readonly store: MemoryStore
}

export interface MemoryStore extends SessionStore {
  readonly saves: number
  readonly restarts: number
}

export interface Bench {
  readonly traits: ProviderTraits
  readonly authority: TestAuthority
  readonly cloud: ContractCloud
  /** The folder of the scenario that runs; no other one uses it. */
  readonly folder: string
  /** Forgets faults, requests and sessions of the scenario before. */
  begin(): void
  figures(): Figures
  client(options?: ClientOptions): Provider
  /** A further emulator with options of its own. */
  startCloud(options: CloudStart, authority?: TestAuthority): Promise<ContractCloud>
  /** An archive that no scenario changes: the same one for the same size. */
  archive(size: number): Promise<ExpectedArchive>
  /** An archive of its own. */
  newArchive(size: number): Promise<ExpectedArchive>
  upload(options: UploadOptions): Promise<Course>
  /** Fails unless the folder holds this archive once, whole, and the provider states its hash. */
  assertWhole(course: Course, archive: ExpectedArchive, cloud?: ContractCloud): Promise<void>
  /** Requests of an operation since the scenario began. */
  count(operation: string): number
  /** Registers something to be closed at the end. */
  closing(close: () => void | Promise<void>): void
  close(): Promise<void>
}

const MOST_FAILURES = 60
const MOST_PAUSE_MS = 2_000
let authorityOfAll: Promise<TestAuthority> | undefined

async function trustedAuthority(): Promise<TestAuthority> {
  const authority = await createTestAuthority()
  trustHere(authority)
  return authority
}

export async function createBench(traits: ProviderTraits): Promise<Bench> {
  authorityOfAll ??= trustedAuthority()
  const authority = await authorityOfAll
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'cloud-sync-contract-')))
  const toClose: (() => void | Promise<void>)[] = []
  const startCloud: Bench['startCloud'] = async (options, by = authority) => {
    const started = await traits.start(by, options)
    toClose.push(started.close)
    return started
  }
  const cloud = await startCloud({})
  const archives = new Map<number, Promise<ExpectedArchive>>()
  let made = 0
  let folderNumber = 0
  let tally = { size: 0, sent: 0, arrivedElsewhere: 0 }
  const arrivedAt = (double: ContractCloud) =>
    traits.operations.bytes.reduce((sum, operation) => sum + double.server.bytesReceived(operation), 0)

  const bench: Bench = {
    traits,
    authority,
    cloud,
    get folder() {
      return `/odoo-backups/contract-${folderNumber}`
    },
    begin: () => {
      folderNumber += 1
      tally = { size: 0, sent: 0, arrivedElsewhere: 0 }
      cloud.server.faults.clear()
      cloud.server.forgetRequests()
      cloud.forgetSessions()
    },
    figures: () => ({
      size: tally.size,
      sent: tally.sent,
      arrived: arrivedAt(cloud) + tally.arrivedElsewhere,
    }),
    startCloud,
    client: (options = {}) => {
      const double = options.cloud ?? cloud
      const http: HttpClient = createHttpClient({ stallTimeoutMs: 20_000, ...options.http })
      toClose.push(() => http.close())
      const env = Object.entries(double.env).map(([name, value]) => {
        const url = new URL(value)
        if (options.port !== undefined) url.port = String(options.port)
        return [name, url.href.replace(/\/$/, '')]
      })
      const { endpoints } = loadConfig({ DATA_DIR: directory, ...Object.fromEntries(env) })
      const account = {
        credentials: options.credentials ?? double.credentials,
        settings: double.settings,
      }
      if (options.isAsShipped)
        return createProvider({ ...account, provider: traits.kind }, { http, endpoints })
      return traits.connect({ account, endpoints, http, now: options.now ?? Date.now })
    },
    archive: (size) => {
      const known = archives.get(size) ?? bench.newArchive(size)
      archives.set(size, known)
      return known
    },
    newArchive: async (size) => {
      made += 1
      const name = `archive-${made}.dump`
      const path = join(directory, name)
      await writeFile(path, randomBytesOf(size, made))
      return { ...(await identify(path, name)), path, name }
    },
    upload: async (options) => {
      const course = createCourse(bench, options)
      tally.size += options.archive.size
      try {
        return await course.run()
      } finally {
        tally.sent += course.sent()
        if (options.cloud !== undefined && options.cloud !== cloud) {
          tally.arrivedElsewhere += arrivedAt(options.cloud)
          options.cloud.server.forgetRequests()
        }
      }
    },
    assertWhole: (course, archive, double = cloud) => assertWhole(bench, course, archive, double),
    count: (operation) => cloud.server.requests.filter((request) => request.operation === operation).length,
    closing: (close) => toClose.push(close),
    close: async () => {
      for (const close of toClose.toReversed()) await close()
      await rm(directory, { recursive: true, force: true })
    },
  }
  return bench
}

function createCourse(bench: Bench, options: UploadOptions) {
  const { archive } = options
  const provider = options.provider ?? bench.client(options.cloud ? { cloud: options.cloud } : {})
  const signal = options.signal ?? never
  const store = options.store ?? createMemoryStore()
  const failures: Cause[] = []
  const notes: TransferNote[] = []
  let sent = 0

  const attempt = async (): Promise<RecognisedFile> => {
    const source = await openArchiveSource(archive, provider.hashAlgorithm)
    try {
      return await transfer({
        provider,
        folder: await provider.ensureFolder(options.folder ?? bench.folder, signal),
        names: (options.names ?? [archive.name, `other-${archive.name}`]).map(provider.remoteName),
        upload: { runId: 'run-1', instance: 'acme', size: archive.size },
        source,
        sessions: store,
        events: {
          onSent: (bytes) => {
            sent += bytes
            options.onSent?.(sent)
          },
          onStored: () => undefined,
          onContinue: () => undefined,
          onNote: async (note) => void notes.push(note),
        },
        signal,
      })
    } finally {
      await source.close()
    }
  }
  const run = async (): Promise<Course> => {
    for (;;) {
      try {
        return { result: await attempt(), failures, notes, store }
      } catch (error) {
        signal.throwIfAborted()
        const cause = causeOf(error)
        assertClean(error instanceof Error ? error.message : cause.fact, bench.cloud)
        if (!isRetryable(cause.code) || cause.code === 'internal_error') throw error
        failures.push(cause)
        await options.onFailure?.(cause)
        signal.throwIfAborted()
        if (failures.length > MOST_FAILURES) throw error
        const told = cause.retryAfterMs ?? 0
        if (options.keepsPauses === true && told <= MOST_PAUSE_MS) await pause(told)
      }
    }
  }
  return { run, sent: () => sent }
}

/** What is saved goes through JSON, as it does on its way into the database. */
export function createMemoryStore(): MemoryStore {
  let kept: string | null = null
  let saves = 0
  let restarts = 0
  return {
    load: () => (kept === null ? null : (JSON.parse(kept) as UploadSession)),
    save: async (session) => {
      kept = JSON.stringify(session)
      saves += 1
    },
    drop: async () => {
      kept = null
    },
    restart: async () => {
      kept = null
      restarts += 1
      return restarts
    },
    get saves() {
      return saves
    },
    get restarts() {
      return restarts
    },
  }
}

async function assertWhole(
  bench: Bench,
  { result }: Course,
  archive: ExpectedArchive,
  cloud: ContractCloud,
): Promise<void> {
  const same = cloud.files(bench.folder).filter((file) => file.path.endsWith(`/${result.file.name}`))
  assert.deepEqual(
    same.map(({ id, size }) => ({ id, size })),
    [{ id: result.file.id, size: archive.size }],
    'the folder holds the archive once',
  )
  const source = await openArchiveSource(archive, result.local.algorithm)
  try {
    const local = await source.digest(never)
    assert.deepEqual(result.local, local, 'the hash was computed over the whole archive, once')
    const stated = same[0]?.hashes.find((hash) => hash.algorithm === local.algorithm)
    assert.equal(stated?.value, local.value, 'the provider holds the same bytes')
  } finally {
    await source.close()
  }
}

/** Nothing of an address, token or key may stand in a message. */
export function assertClean(message: string, cloud: ContractCloud): void {
  assert.doesNotMatch(message, /https?:\/\/|upload_id|tempauth|ya29|sl\.|eyJ|Bearer|BEGIN|[\w-]{60,}/)
  for (const secret of Object.values(cloud.credentials)) assert.ok(!message.includes(String(secret)))
}

/** Bytes that differ everywhere, so that a piece in the wrong place shows. */
export function randomBytesOf(size: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = seed
  for (let index = 0; index < words.length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    words[index] = state
  }
  return Buffer.from(words.buffer, 0, size)
}

/** A small generator: the same seed plays the same trouble again. Whole numbers in [least, most]. */
export function diceOf(seed: number): (least: number, most: number) => number {
  let state = seed
  return (least, most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return least + Math.floor((state / 2 ** 32) * (most - least + 1))
  }
}
