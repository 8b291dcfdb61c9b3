// Drives a provider as the upload engine does: open, save, send; on a failure that heals, ask the session and send on.

import assert from 'node:assert/strict'
import { setTimeout as pause, setImmediate } from 'node:timers/promises'
import { createBlockHash } from '../../../../activities/archives/hashes/dropbox-content-hash.ts'
import { createHttpClient } from '../../../../activities/http/client.ts'
import { createDropbox, type DropboxDeps } from '../../../../activities/providers/dropbox/index.ts'
import {
  type ArchiveSource,
  type Provider,
  ProviderError,
  type RemoteFile,
  type SendContext,
  type UploadSession,
  type UploadTarget,
} from '../../../../activities/providers/provider.ts'
import { accountShapes } from '../../../../db/accounts/account-shapes.ts'
import { isRetryable } from '../../../../workflows/errors.ts'
import { createTestAuthority, trustHere } from '../../../clouds/certificates.ts'
import {
  type DropboxEmulator,
  type DropboxOptions,
  startDropboxEmulator,
} from '../../../clouds/dropbox/index.ts'

export const BLOCK = 4 * 1024 * 1024
export const never = new AbortController().signal

const made = new Map<number, Buffer>()

/** Bytes that differ from place to place; the same for the same size. Not to be changed. */
export function bytesOf(size: number): Buffer {
  const known = made.get(size)
  if (known) return known
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = size + 1
  for (let index = 0; index < words.length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    words[index] = state
  }
  const bytes = Buffer.from(words.buffer, 0, size)
  made.set(size, bytes)
  return bytes
}

export function sourceOf(bytes: Buffer): ArchiveSource & { digest(): string } {
  const hash = createBlockHash(bytes.byteLength)
  return {
    size: bytes.byteLength,
    async *read(start, end) {
      for (let at = start; at < end; at += 256 * 1024) {
        const piece = bytes.subarray(at, Math.min(end, at + 256 * 1024))
        hash.update(at, piece)
        yield piece
      }
    },
    digest: () => {
      for (const { start, end } of hash.missing()) hash.update(start, bytes.subarray(start, end))
      return hash.digest()
    },
  }
}

type Opened = { readonly provider: Provider; close(): void }

export function openDropbox(
  cloud: DropboxEmulator,
  more: Partial<Pick<DropboxDeps, 'tuning' | 'now'>> & { credentials?: unknown; settings?: unknown } = {},
): Opened {
  const http = createHttpClient({ stallTimeoutMs: 3000 })
  const provider = createDropbox({
    credentials: accountShapes.dropbox.credentials.parse(more.credentials ?? cloud.credentials),
    settings: accountShapes.dropbox.settings.parse(more.settings ?? cloud.settings),
    endpoints: {
      apiRoot: cloud.env.DROPBOX_API_ROOT ?? '',
      contentRoot: cloud.env.DROPBOX_CONTENT_ROOT ?? '',
    },
    http,
    now: more.now,
    tuning: more.tuning,
  })
  return { provider, close: () => http.close() }
}

export type UploadLog = {
  readonly file: RemoteFile
  readonly hash: string
  readonly failures: readonly string[]
  readonly stored: readonly number[]
  readonly sessions: number
  readonly saves: number
  readonly mostSavesAtOnce: number
}

export async function uploadThrough(
  provider: Provider,
  path: string,
  name: string,
  bytes: Buffer,
  options: { readonly attempts?: number; readonly saved?: UploadSession | undefined } = {},
): Promise<UploadLog> {
  const folder = await provider.ensureFolder(path, never)
  const target: UploadTarget = {
    folder,
    name: provider.remoteName(name),
    size: bytes.byteLength,
    runId: '00000000-0000-0000-0000-000000000001',
    instance: 'acme',
  }
  const source = sourceOf(bytes)
  const failures: string[] = []
  const stored: number[] = []
  let saved = options.saved
  let sessions = 0
  let saves = 0
  let savesNow = 0
  let mostSavesAtOnce = 0
  for (let attempt = 0; attempt < (options.attempts ?? 60); attempt += 1) {
    try {
      let offset = 0
      if (saved) {
        const state = await provider.querySession(target, saved, never)
        if (state.kind === 'complete') {
          return {
            file: state.file,
            hash: source.digest(),
            failures,
            stored,
            sessions,
            saves,
            mostSavesAtOnce,
          }
        }
        if (state.kind === 'gone') saved = undefined
        else offset = state.offset
      }
      if (!saved) {
        const opened = await provider.openSession(target, never)
        saved = opened
        sessions += 1
      }
      const file = await provider.send(target, saved, source, offset, {
        signal: never,
        onSent: () => undefined,
        onStored: (reached) => stored.push(reached),
        // What is saved goes through JSON, as it does in the database.
        saveSession: async (session) => {
          saves += 1
          savesNow += 1
          mostSavesAtOnce = Math.max(mostSavesAtOnce, savesNow)
          await setImmediate()
          saved = JSON.parse(JSON.stringify(session))
          savesNow -= 1
        },
      })
      return { file, hash: source.digest(), failures, stored, sessions, saves, mostSavesAtOnce }
    } catch (error) {
      if (!(error instanceof ProviderError) || !isRetryable(error.code)) throw error
      failures.push(error.code)
      await pause(Math.min(error.retryAfterMs ?? 0, 20))
    }
  }
  throw new Error(`the upload did not end: ${failures.join(', ')}`)
}

export type Client = (cloud: DropboxEmulator, more?: Parameters<typeof openDropbox>[1]) => Provider

/** Emulators and clients that are all closed together. */
export async function createBench(tuning?: DropboxDeps['tuning']) {
  const authority = await createTestAuthority()
  trustHere(authority)
  const closing: (() => void | Promise<void>)[] = []
  const client: Client = (cloud, more = {}) => {
    const opened = openDropbox(cloud, { tuning, ...more })
    closing.push(opened.close)
    return opened.provider
  }
  return {
    cloudWith: async (options: DropboxOptions = {}) => {
      const cloud = await startDropboxEmulator(authority, options)
      closing.push(cloud.close)
      return cloud
    },
    client,
    close: async () => {
      for (const close of closing) await close()
    },
  }
}

/** The error of a call that must be refused. */
export function refused(work: Promise<unknown>): Promise<ProviderError> {
  return work.then(
    () => assert.fail('it should have been refused'),
    (error: ProviderError) => error,
  )
}

/** One whole file, and nothing else. */
export function assertOneWhole(cloud: DropboxEmulator, bytes: Buffer): void {
  const files = cloud.files()
  assert.equal(files.length, 1)
  assert.ok(files[0]?.content?.equals(bytes), 'the content is that of the archive')
}

/** Small limits, so that each way of uploading is seen with small files. */
export const TUNING = {
  singleBytes: 1_000_000,
  concurrentBytes: 4 * BLOCK,
  chunkBytes: BLOCK,
  parallelAppends: 3,
}
/** A size for each way. */
export const WAYS = { single: 900_000, sequential: 2 * BLOCK + 77, concurrent: 4 * BLOCK + 12_345 } as const
export const FOLDER = '/odoo-backups/acme'

export async function targetOf(provider: Provider, size: number, name = 'x.dump'): Promise<UploadTarget> {
  const folder = await provider.ensureFolder(FOLDER, never)
  return { folder, name, size, runId: '00000000-0000-0000-0000-000000000001', instance: 'acme' }
}

/** A context whose last saved session can be read. */
export function contextOf(change: Partial<SendContext> = {}) {
  const kept: { session: UploadSession | undefined } = { session: undefined }
  const context: SendContext = {
    signal: never,
    onSent: () => undefined,
    onStored: () => undefined,
    saveSession: async (session) => {
      kept.session = session
    },
    ...change,
  }
  return { ...context, kept }
}
