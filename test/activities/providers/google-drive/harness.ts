// Drives the Google client against the emulator as the upload engine does: after a retryable failure the session is
// asked, and the rest sent. Shared by the tests of this provider only.

import assert from 'node:assert/strict'
import { createHttpClient, type HttpClient, type HttpOptions } from '../../../../activities/http/client.ts'
import { createGoogleDrive } from '../../../../activities/providers/google-drive/index.ts'
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
import type { Fault } from '../../../clouds/faults.ts'
import { type GoogleDouble, type GoogleOptions, startGoogleEmulator } from '../../../clouds/google/index.ts'

export const KIB = 1024
export const MIB = 1024 * KIB
export const signal = new AbortController().signal

const authority = await createTestAuthority()
trustHere(authority)

export { authority }

export type DriveSetup = {
  readonly google: GoogleDouble
  readonly drive: Provider
  readonly http: HttpClient
} & AsyncDisposable

export async function startDrive(
  options: GoogleOptions & {
    readonly http?: HttpOptions
    readonly now?: () => number
    readonly credentials?: Record<string, unknown>
    readonly settings?: Record<string, unknown>
  } = {},
): Promise<DriveSetup> {
  const google = await startGoogleEmulator(authority, options)
  const http = createHttpClient(options.http)
  const drive = clientOf(google, http, options)
  return {
    google,
    drive,
    http,
    [Symbol.asyncDispose]: async () => {
      http.close()
      await google.close()
    },
  }
}

/** A further client of the same account, as another process would have. */
export function clientOf(
  google: GoogleDouble,
  http: HttpClient,
  more: {
    readonly now?: () => number
    readonly credentials?: Record<string, unknown>
    readonly settings?: Record<string, unknown>
  } = {},
): Provider {
  const { GOOGLE_API_ROOT: apiRoot = '', GOOGLE_TOKEN_URL: tokenUrl = '' } = google.env
  return createGoogleDrive({
    credentials: accountShapes.google_drive.credentials.parse(more.credentials ?? google.credentials),
    settings: accountShapes.google_drive.settings.parse(more.settings ?? google.settings),
    endpoints: { apiRoot, tokenUrl },
    http,
    ...(more.now ? { now: more.now } : {}),
  })
}

/** Bytes that differ everywhere, so that a piece in the wrong place shows. */
export function sampleBytes(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  let state = 0x9e3779b9
  for (let at = 0; at + 4 <= size; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes.writeUInt32LE(state, at)
  }
  return bytes
}

export function sourceOf(data: Buffer, pieceBytes = 64 * KIB): ArchiveSource {
  return {
    size: data.byteLength,
    read: async function* (start, end) {
      for (let at = start; at < end; at += pieceBytes) yield data.subarray(at, Math.min(end, at + pieceBytes))
    },
  }
}

export function targetIn(folder: RemoteFolder, name: string, size: number): UploadTarget {
  return { folder, name, size, runId: 'run-1', instance: 'acme' }
}

export type Progress = {
  readonly failures: ErrorCode[]
  readonly offsets: number[]
  sent: number
  sessions: number
}

/** The upload engine in small: opens, sends, asks after failures, starts over when the session is gone. */
export async function uploadThrough(
  drive: Provider,
  target: UploadTarget,
  data: Buffer,
  more: { readonly session?: UploadSession; readonly maxFailures?: number } = {},
): Promise<{ file: RemoteFile; progress: Progress }> {
  const progress: Progress = { failures: [], offsets: [], sent: 0, sessions: 0 }
  const context = {
    signal,
    onSent: (bytes: number) => {
      progress.sent += bytes
    },
    onStored: () => undefined,
    saveSession: async () => undefined,
  }
  let session = more.session
  for (;;) {
    try {
      let offset = 0
      if (session === undefined) {
        progress.sessions += 1
        session = await drive.openSession(target, signal)
      } else {
        const state = await drive.querySession(target, session, signal)
        if (state.kind === 'complete') return { file: state.file, progress }
        if (state.kind === 'gone') {
          session = undefined
          continue
        }
        offset = state.offset
      }
      progress.offsets.push(offset)
      return { file: await drive.send(target, session, sourceOf(data), offset, context), progress }
    } catch (cause) {
      if (!(cause instanceof ProviderError) || !isRetryable(cause.code)) throw cause
      progress.failures.push(cause.code)
      assert.ok(
        progress.failures.length <= (more.maxFailures ?? 30),
        `too many failures: ${progress.failures}`,
      )
    }
  }
}

/** Asserts that the operation is refused with this code; returns the error for a closer look. */
export async function refusedWith(code: ErrorCode, operation: Promise<unknown>): Promise<ProviderError> {
  const error = await operation.then(
    () => assert.fail(`not refused, expected ${code}`),
    (cause: unknown) => cause,
  )
  if (!(error instanceof ProviderError)) throw error
  assert.equal(error.code, code, error.message)
  assertClean(error.message)
  return error
}

/** No address, token or key may stand in a message. */
export function assertClean(message: string): void {
  assert.doesNotMatch(message, /https?:|upload_id|ya29|Bearer|BEGIN|[A-Za-z0-9_-]{60,}/)
}

export const context = {
  signal,
  onSent: () => undefined,
  onStored: () => undefined,
  saveSession: async () => undefined,
}

/** Uploads /acme/acme.dump against these faults, each of which must strike; asserts one whole copy. */
export async function uploadWith(setup: DriveSetup, size: number, faults: readonly Fault[] = []) {
  const { google, drive } = setup
  const folder = await drive.ensureFolder('/acme', signal)
  const data = sampleBytes(size)
  const struck = faults.map((fault) => google.server.faults.add(fault))
  const target = targetIn(folder, 'acme.dump', size)
  const { file, progress } = await uploadThrough(drive, target, data)
  for (const count of struck) assert.ok(count() > 0, 'a fault did not strike')
  assertOneWholeCopy(setup, data, file.id)
  return { file, progress, target, data }
}

export function assertOneWholeCopy({ google }: DriveSetup, data: Buffer, id: string): void {
  const files = google.files('/acme')
  assert.deepEqual(
    files.map((file) => [file.id, file.path, file.size]),
    [[id, '/acme/acme.dump', data.byteLength]],
  )
  assert.ok(files[0]?.content?.equals(data), 'other bytes arrived')
}
