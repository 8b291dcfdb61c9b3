// Drives a OneDrive provider against the emulator as the upload engine does: open, send, and after a failure that can
// heal ask where to go on.

import { after } from 'node:test'
import { createQuickXorHash } from '../../../../activities/archives/hashes/quickxorhash.ts'
import { createHttpClient, type HttpOptions } from '../../../../activities/http/client.ts'
import { createOneDrive, type OneDriveDeps } from '../../../../activities/providers/onedrive/index.ts'
import {
  type ArchiveSource,
  type Provider,
  ProviderError,
  type RemoteFile,
  type RemoteFolder,
  type UploadSession,
  type UploadTarget,
} from '../../../../activities/providers/provider.ts'
import { accountShapes } from '../../../../db/accounts/account-shapes.ts'
import { type ErrorCode, isRetryable } from '../../../../workflows/errors.ts'
import { createTestAuthority, trustHere } from '../../../clouds/certificates.ts'
import {
  type MicrosoftDouble,
  type MicrosoftOptions,
  startMicrosoftEmulator,
} from '../../../clouds/microsoft/index.ts'

export const UNIT = 320 * 1024
export const signal = new AbortController().signal

const authority = await createTestAuthority()
trustHere(authority)

const closing: (() => Promise<void> | void)[] = []
after(async () => {
  for (const close of closing) await close()
})

export type Bench = {
  readonly cloud: MicrosoftDouble
  readonly provider: Provider
  another(more?: Partial<OneDriveDeps>): Provider
}

/** An emulator and a provider with fragments of 640 KiB; files above 4 KiB go through a session. */
export async function startBench(
  options: MicrosoftOptions = {},
  more: Partial<OneDriveDeps> = {},
  httpOptions: HttpOptions = {},
): Promise<Bench> {
  const cloud = await startMicrosoftEmulator(authority, options)
  const http = createHttpClient({ stallTimeoutMs: 5000, ...httpOptions })
  closing.push(async () => {
    http.close()
    await cloud.close()
  })
  const another = (other: Partial<OneDriveDeps> = {}) =>
    createOneDrive({
      credentials: accountShapes.onedrive.credentials.parse(cloud.credentials),
      settings: accountShapes.onedrive.settings.parse(cloud.settings),
      endpoints: { graphRoot: cloud.server.origin, authorityRoot: cloud.server.origin },
      http,
      fragmentBytes: 2 * UNIT,
      singleBytes: 4096,
      lookupPauseMs: 1,
      ...more,
      ...other,
    })
  return { cloud, provider: another(), another }
}

/** `size` bytes that differ from place to place. */
export function bytesOf(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  let state = seed
  for (let i = 0; i < size; i += 1) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff
    bytes[i] = state >> 16
  }
  return bytes
}

export function sourceOf(bytes: Buffer): ArchiveSource {
  return {
    size: bytes.byteLength,
    read: async function* (start, end) {
      for (let at = start; at < end; at += 65_536) yield bytes.subarray(at, Math.min(end, at + 65_536))
    },
  }
}

export function hashOf(bytes: Buffer): string {
  const hash = createQuickXorHash()
  hash.update(bytes)
  return hash.digest()
}

export async function targetFor(
  provider: Provider,
  name: string,
  size: number,
  path = '/odoo-backups/acme',
): Promise<UploadTarget> {
  return { folder: await provider.ensureFolder(path, signal), name, size, runId: 'run-1', instance: 'acme' }
}

export type Course = {
  readonly file: RemoteFile
  readonly opened: number
  readonly failures: readonly ProviderError[]
  readonly offsets: readonly number[]
}

export type CourseOptions = {
  /** A session of an earlier attempt. */
  readonly session?: UploadSession | null
  readonly onSession?: (session: UploadSession) => void
  readonly onStored?: (offset: number) => void
  readonly mostFailures?: number
}

/** The engine's loop, without waiting between tries. */
export async function uploadThrough(
  provider: Provider,
  target: UploadTarget,
  source: ArchiveSource,
  options: CourseOptions = {},
): Promise<Course> {
  const failures: ProviderError[] = []
  const offsets: number[] = []
  let session = options.session ?? null
  let opened = 0
  for (;;) {
    try {
      let offset = 0
      if (session !== null) {
        const state = await provider.querySession(target, session, signal)
        if (state.kind === 'complete') return { file: state.file, opened, failures, offsets }
        if (state.kind === 'gone') session = null
        else offset = state.offset
      }
      if (session === null) {
        session = await provider.openSession(target, signal)
        options.onSession?.(session)
        opened += 1
      }
      offsets.push(offset)
      const context = {
        signal,
        onSent: () => {},
        onStored: (stored: number) => options.onStored?.(stored),
        saveSession: async () => {},
      }
      const file = await provider.send(target, session, source, offset, context)
      return { file, opened, failures, offsets }
    } catch (cause) {
      if (!(cause instanceof ProviderError) || !isRetryable(cause.code)) throw cause
      failures.push(cause)
      if (failures.length > (options.mostFailures ?? 40)) throw cause
    }
  }
}

/** The pages of a listing, read to its end. */
export async function pagesOf(provider: Provider, folder: RemoteFolder): Promise<(readonly RemoteFile[])[]> {
  const pages: (readonly RemoteFile[])[] = []
  for await (const page of provider.listFiles(folder, signal)) pages.push(page)
  return pages
}

/** For assert.rejects: a ProviderError of this code. */
export function failsWith(code: ErrorCode, text = /./) {
  return (cause: unknown) => {
    if (cause instanceof ProviderError && cause.code === code && text.test(cause.message)) return true
    throw cause
  }
}
