// A provider in memory that keeps the rules of activities/providers/provider.ts: sessions take bytes at their own offset
// only, nothing is visible before the last byte, no file is ever overwritten. Connections break where a test says.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  type Provider,
  ProviderError,
  type RemoteFile,
  type UploadSession,
  type UploadTarget,
} from '../../../activities/providers/provider.ts'

const DAY_MS = 86_400_000

/** How the next `send` fails: after so many bytes have arrived, some more being lost on the way; or after everything. */
export type Break = {
  readonly stored: number
  readonly lost: number
  readonly error?: Error | undefined
}

type Session = { readonly target: UploadTarget; content: Buffer; file: RemoteFile | null }
type Stored = { readonly file: RemoteFile; readonly content: Buffer }

export interface MemoryProvider extends Provider {
  readonly files: ReadonlyMap<string, Stored>
  /** Taken one a `send`, first to last; afterwards connections hold. */
  readonly breaks: Break[]
  /** Bytes that left and did not arrive. */
  readonly lostBytes: () => number
  readonly calls: Readonly<Record<'open' | 'query' | 'send' | 'abort', number>>
  openSessions(): number
  put(name: string, content: Buffer): RemoteFile
  forgetSessions(): void
  /** Called at the beginning of a `send`, and before the file is made. */
  onSend: (session: UploadSession) => void
  onCommit: () => void
}

export function createMemoryProvider(): MemoryProvider {
  const files = new Map<string, Stored>()
  const sessions = new Map<string, Session>()
  const breaks: Break[] = []
  const calls = { open: 0, query: 0, send: 0, abort: 0 }
  let lostBytes = 0
  let counter = 0
  const sessionOf = (session: UploadSession) => sessions.get(String(session.id))
  const broken = () => new ProviderError('network_unreachable', 'the connection broke')
  const put = (name: string, content: Buffer): RemoteFile => {
    counter += 1
    const hashes = [{ algorithm: 'md5', value: createHash('md5').update(content).digest('hex') }] as const
    // Long enough ago that nobody waits for its hash, and later than the file before it.
    const uploaded_at = new Date(Date.now() - DAY_MS + counter * 1000).toISOString()
    const file = {
      id: `file-${counter}`,
      name,
      size: content.byteLength,
      hashes,
      uploaded_at,
      revision: null,
    }
    files.set(file.id, { file, content })
    return file
  }
  const commit = (session: Session): RemoteFile => {
    provider.onCommit()
    const standing = [...files.values()].some(({ file }) => file.name === session.target.name)
    if (standing) throw new ProviderError('name_conflict', 'another file has this name')
    session.file = put(session.target.name, session.content)
    return session.file
  }
  const unused = () => assert.fail('not needed for a transfer')

  const provider: MemoryProvider = {
    kind: 'google_drive',
    limits: { maxFileBytes: 2 ** 40, sessionLifeMs: DAY_MS },
    hashAlgorithm: 'md5',
    files,
    breaks,
    calls,
    lostBytes: () => lostBytes,
    openSessions: () => [...sessions.values()].filter(({ file }) => file === null).length,
    put,
    forgetSessions: () => sessions.clear(),
    onSend: () => undefined,
    onCommit: () => undefined,
    remoteName: (name) => name,
    ensureFolder: async (path) => ({ id: path, path }),
    findFolder: async (path) => ({ id: path, path }),
    findFiles: async (_folder, name, signal) => {
      signal.throwIfAborted()
      return [...files.values()].map(({ file }) => file).filter((file) => file.name === name)
    },
    openSession: async (target, signal) => {
      signal.throwIfAborted()
      calls.open += 1
      counter += 1
      sessions.set(`session-${counter}`, { target, content: Buffer.alloc(0), file: null })
      return { created_at: new Date().toISOString(), id: `session-${counter}` }
    },
    querySession: async (_target, session, signal) => {
      signal.throwIfAborted()
      calls.query += 1
      const found = sessionOf(session)
      if (found === undefined) return { kind: 'gone' }
      if (found.file !== null) return { kind: 'complete', file: found.file }
      return { kind: 'open', offset: found.content.byteLength }
    },
    send: async (target, session, source, offset, context) => {
      context.signal.throwIfAborted()
      calls.send += 1
      provider.onSend(session)
      const found = sessionOf(session)
      if (found === undefined) throw new ProviderError('session_expired', 'no such session')
      assert.equal(found.target.name, target.name, 'a session ends at the name that it was opened for')
      assert.equal(offset, found.content.byteLength, 'a session takes bytes at its own offset only')
      const fault = breaks.shift()
      const end = fault === undefined ? source.size : Math.min(source.size, offset + fault.stored)
      const reach = Math.min(source.size, end + (fault?.lost ?? 0))
      let position = offset
      for await (const piece of source.read(offset, source.size)) {
        context.signal.throwIfAborted()
        // What left before the break was noticed, and what of it arrived.
        const left = piece.subarray(0, Math.max(0, reach - position))
        const arrived = piece.subarray(0, Math.max(0, end - position))
        context.onSent(left.byteLength)
        position += left.byteLength
        lostBytes += left.byteLength - arrived.byteLength
        found.content = Buffer.concat([found.content, arrived])
        context.onStored(found.content.byteLength)
        if (left.byteLength < piece.byteLength) break
      }
      const isWhole = found.content.byteLength === source.size
      const file = isWhole ? commit(found) : null
      // When everything has arrived, only the answer can be lost.
      if (file === null || fault !== undefined) throw fault?.error ?? broken()
      return file
    },
    abortSession: async (session) => {
      calls.abort += 1
      sessions.delete(String(session.id))
    },
    getFile: async (id) => files.get(id)?.file ?? null,
    listFiles: unused,
    deleteFile: unused,
    check: unused,
  }
  return provider
}
