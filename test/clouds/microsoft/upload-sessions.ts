// Upload sessions as SharePoint's hosts keep them: fragments in ascending order, nothing visible before the last byte, an
// `expirationDateTime` that slides while the permission inside the address ends at a fixed hour.

import { randomBytes, randomUUID } from 'node:crypto'
import { createQuickXorHash, type QuickXorHash } from '../../../activities/archives/hashes/quickxorhash.ts'
import type { CloudAnswer, CloudRequest } from '../cloud-server.ts'
import type { Faults } from '../faults.ts'
import type { Content, Drive, DriveWorld, Item, Maker } from './drive-world.ts'
import { refuseUpload } from './graph-error.ts'

const UNIT_BYTES = 320 * 1024
const MAX_FRAGMENT_BYTES = 60 * 1024 * 1024
const MAX_FILE_BYTES = 250 * 2 ** 30

export type ConflictBehavior = 'fail' | 'replace' | 'rename'

type Session = {
  readonly id: string
  readonly permission: string
  readonly folder: Item
  readonly name: string
  readonly conflict: ConflictBehavior
  readonly maker: Maker
  readonly fileSystemInfo: Record<string, string>
  readonly createdMs: number
  expiresMs: number
  size: number | null
  received: number
  hash: QuickXorHash
  pieces: Buffer[]
}

export type SessionOptions = {
  readonly keepsContent: boolean
  /** How long a session lives after its last fragment, in ms. */
  readonly slideMs: number
  /** How long the address is good for at most, in ms. */
  readonly lifeMs: number
  /** What becomes of a fragment whose connection broke. */
  readonly brokenFragments: 'discard' | 'keep'
  /** Which fragments that begin off the 320 KiB grid are taken. */
  readonly unaligned: 'by_length' | 'to_boundary' | 'refuse'
  /** Documented: a bearer token on an upload address is refused. Older clients send one, and live services took it. */
  readonly refusesToken: boolean
  readonly now: () => number
  readonly faults: () => Faults
}

export interface UploadSessions {
  open(
    about: Pick<Session, 'folder' | 'name' | 'conflict' | 'maker' | 'fileSystemInfo' | 'size'>,
    origin: string,
  ): CloudAnswer
  /** Whether a living session holds this name (Business ties them). */
  holds(folder: Item, name: string): boolean
  /** PUT, GET and DELETE of an upload address. */
  handle(request: CloudRequest): Promise<CloudAnswer>
  count(): number
  forgetAll(): void
}

/** Where the finished file goes; 409 when the name is taken meanwhile. */
type Commit = (
  session: Pick<Session, 'folder' | 'name' | 'conflict' | 'maker' | 'fileSystemInfo'>,
  content: Content,
) => CloudAnswer

export function createUploadSessions(
  world: DriveWorld,
  options: SessionOptions,
  commit: Commit,
): UploadSessions {
  const { now, faults } = options
  const sessions = new Map<string, Session>()

  const isAlive = (session: Session) => session.expiresMs > now()

  function find(url: URL): Session {
    const id = /^'(.+)'$/.exec(url.searchParams.get('guid') ?? '')?.[1] ?? ''
    const session = sessions.get(id)
    if (session !== undefined && now() - session.createdMs >= options.lifeMs) {
      sessions.delete(id)
      throw refuseUpload(401, 'unauthenticated', 'The caller is not authenticated.', ['expiredToken'])
    }
    if (session === undefined || !isAlive(session)) {
      sessions.delete(id)
      throw refuseUpload(404, 'itemNotFound', 'The upload session was not found')
    }
    if (url.searchParams.get('tempauth') !== session.permission) {
      throw refuseUpload(401, 'unauthenticated', 'The caller is not authenticated.')
    }
    return session
  }

  function status(session: Session, operation: string): Record<string, unknown> {
    const forged = faults().takeOwn(operation, 'range_list')
    const ranges = forged === undefined ? [`${session.received}-`] : forged.value
    return {
      expirationDateTime: new Date(
        Math.min(session.expiresMs, session.createdMs + options.lifeMs),
      ).toISOString(),
      ...(ranges === null ? {} : { nextExpectedRanges: ranges }),
    }
  }

  async function take(request: CloudRequest, session: Session): Promise<CloudAnswer> {
    const range = checkFragment(request, session, options.unaligned)
    session.size ??= range.size
    world.checkRoom(session.folder.drive, session.size)
    const before = { received: session.received, hash: session.hash.copy(), pieces: session.pieces.length }
    const keepOnly = faults().takeOwn(request.operation, 'keep_only')?.value
    const limit = typeof keepOnly === 'number' ? Math.min(keepOnly, range.length) : range.length
    let flip = faults().takeOwn(request.operation, 'flip_bit') !== undefined
    let arrived = 0
    try {
      for await (const piece of request.body) {
        let kept = piece.subarray(0, Math.max(0, limit - arrived))
        arrived += piece.byteLength
        if (kept.byteLength === 0) continue
        if (flip) {
          kept = Buffer.from(kept)
          kept[0] = (kept[0] ?? 0) ^ 1
          flip = false
        }
        session.hash.update(kept)
        session.received += kept.byteLength
        if (options.keepsContent) session.pieces.push(Buffer.from(kept))
      }
    } catch (cause) {
      if (options.brokenFragments === 'discard' || session.received === session.size) {
        session.received = before.received
        session.hash = before.hash
        session.pieces.length = before.pieces
      }
      throw cause
    }
    session.expiresMs = now() + options.slideMs
    if (session.received < session.size) return { status: 202, body: status(session, request.operation) }
    const content = options.keepsContent ? Buffer.concat(session.pieces) : null
    const answer = commit(session, { size: session.size, hash: session.hash.digest(), content })
    sessions.delete(session.id)
    return answer
  }

  return {
    open: (about, origin) => {
      const { drive } = about.folder
      const session: Session = {
        ...about,
        id: randomUUID(),
        permission: `v1.${randomBytes(96).toString('base64url')}`,
        createdMs: now(),
        expiresMs: now() + options.slideMs,
        received: 0,
        hash: createQuickXorHash(),
        pieces: [],
      }
      sessions.set(session.id, session)
      return {
        status: 200,
        body: { uploadUrl: uploadUrl(origin, drive, session), ...status(session, 'open') },
      }
    },
    holds: (folder, name) =>
      [...sessions.values()].some(
        (session) =>
          session.folder === folder && session.name.toLowerCase() === name.toLowerCase() && isAlive(session),
      ),
    handle: async (request) => {
      if (options.refusesToken && request.headers.authorization !== undefined) {
        throw refuseUpload(401, 'unauthenticated', 'The caller is not authenticated.')
      }
      const session = find(request.url)
      if (faults().takeOwn(request.operation, 'forget_session')) {
        sessions.delete(session.id)
        throw refuseUpload(404, 'itemNotFound', 'The upload session was not found')
      }
      if (request.method === 'GET') return { status: 200, body: status(session, request.operation) }
      if (request.method === 'PUT') return take(request, session)
      if (request.method !== 'DELETE') throw refuseUpload(405, 'invalidRequest', 'The method is not allowed.')
      sessions.delete(session.id)
      return { status: 204 }
    },
    count: () => [...sessions.values()].filter(isAlive).length,
    forgetAll: () => sessions.clear(),
  }
}

type FragmentRange = { readonly start: number; readonly length: number; readonly size: number }

function checkFragment(
  request: CloudRequest,
  session: Session,
  unaligned: SessionOptions['unaligned'],
): FragmentRange {
  const declared = request.headers['content-length']
  if (declared === undefined || request.headers['transfer-encoding'] !== undefined) {
    throw refuseUpload(411, 'invalidRequest', 'The size of the request body is not known.')
  }
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(request.headers['content-range'] ?? '')
  const [start, last, size] = (match ?? []).slice(1).map(Number)
  if (start === undefined || last === undefined || size === undefined || last < start || last >= size) {
    throw refuseUpload(400, 'invalidRequest', 'The Content-Range header is missing or malformed.')
  }
  const length = last - start + 1
  if (size > MAX_FILE_BYTES)
    throw refuseUpload(400, 'invalidRequest', 'The file is too large.', ['maxFileSizeExceeded'])
  if (session.size !== null && session.size !== size) {
    throw refuseUpload(400, 'invalidRequest', 'The total size differs from that of the earlier fragments.')
  }
  if (length >= MAX_FRAGMENT_BYTES) throw refuseUpload(413, 'invalidRequest', 'Request entity too large')
  if (Number(declared) !== length) throw invalidRange('fragmentLengthMismatch')
  if (start < session.received) throw invalidRange('fragmentOverlap')
  if (start > session.received) throw invalidRange('fragmentOutOfOrder')
  const isLast = last === size - 1
  const isOffGrid = start % UNIT_BYTES !== 0
  const reach = isOffGrid && unaligned === 'to_boundary' ? last + 1 : length
  if ((isOffGrid && unaligned === 'refuse') || (!isLast && reach % UNIT_BYTES !== 0)) {
    throw refuseUpload(400, 'invalidRange', 'The fragment is not a multiple of 320 KiB.', [
      'fragmentLengthMismatch',
    ])
  }
  return { start, length, size }
}

function invalidRange(inner: string) {
  return refuseUpload(416, 'invalidRange', 'The uploaded fragment does not fit what is expected next.', [
    inner,
  ])
}

function uploadUrl(origin: string, drive: Drive, session: Session): string {
  const query = `guid='${session.id}'&overwrite=${session.conflict === 'replace' ? 'True' : 'False'}&rename=False&dc=0`
  return `${origin}${drive.prefix}/_api/v2.0/drive/items/${session.folder.id}/uploadSession?${query}&tempauth=${session.permission}`
}
