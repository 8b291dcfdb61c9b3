// Resumable upload sessions (docs/providers.md, 1.3): opened by POST or PATCH, filled by PUT with Content-Range, asked by
// an empty PUT with `bytes */N`. A file is visible only when its last byte has arrived.

import { randomBytes } from 'node:crypto'
import type { CloudAnswer, CloudRequest } from '../cloud-server.ts'
import type { Faults } from '../faults.ts'
import { type ContentIntake, createContentIntake, UNIT_BYTES } from './content-intake.ts'
import { driveErrorBody, Refusal, refuse } from './drive-error.ts'
import type { DriveItem, ItemContent } from './drive-world.ts'

export type OpenedUpload = {
  readonly account: string
  /** Declared size; null when the client did not say. */
  readonly size: number | null
  readonly fields: string | null
  /** Puts the finished file into the Drive; may refuse. */
  finish(content: ItemContent): DriveItem
  answer(item: DriveItem): CloudAnswer
}

export type SessionOptions = {
  readonly keepsContent: boolean
  /** Status of a session that does not exist any more. */
  readonly goneStatus: 404 | 410
  /** Whether the session address alone is enough, or the bearer token is asked for as well. */
  readonly needsBearer: boolean
  readonly faults: () => Faults
  accountOf(authorization: string | undefined): string
  /** Told of every byte that is stored (the daily ledger). */
  onStored(bytes: number): void
}

type Session = {
  readonly upload: OpenedUpload
  readonly intake: ContentIntake
  size: number | null
  finished: DriveItem | null
  /** Counts requests: a new one puts an end to one that still hangs in a broken connection. */
  turn: number
}

export interface UploadSessions {
  /** Sessions that still wait for bytes. */
  readonly open: number
  start(upload: OpenedUpload): string
  serve(id: string, request: CloudRequest): Promise<CloudAnswer>
  forgetAll(): void
}

const RANGE = /^bytes (?:(?<first>\d+)-(?<last>\d+)|\*)\/(?<total>\d+|\*)$/

export function createUploadSessions(options: SessionOptions): UploadSessions {
  const sessions = new Map<string, Session>()
  const gone = () =>
    new Refusal({
      status: options.goneStatus,
      body: options.goneStatus === 404 ? 'Not Found' : driveErrorBody(410, 'internalError', 'Internal Error'),
    })

  const serve = async (id: string, session: Session, request: CloudRequest): Promise<CloudAnswer> => {
    const range = RANGE.exec(rangeHeader(request, session))?.groups
    if (range === undefined) throw refuse(400, 'badRequest', 'Failed to parse Content-Range header.')
    const total = range.total === '*' ? null : Number(range.total)
    if (total !== null && session.size !== null && total !== session.size) {
      throw refuse(400, 'badRequest', 'Content-Range names another total size than the session.')
    }
    if (session.finished !== null) {
      if (range.first !== undefined) throw refuse(400, 'badRequest', 'The upload is already complete.')
      return session.upload.answer(session.finished)
    }
    if (total !== null) session.size = total
    if (range.first !== undefined) {
      await takeBytes(session, request, Number(range.first), Number(range.last))
      if (session.finished !== null) return session.upload.answer(session.finished)
    }
    if (session.intake.stored !== session.size) return incomplete(session)
    try {
      session.finished = session.upload.finish(session.intake.finish())
    } catch (cause) {
      sessions.delete(id)
      throw cause
    }
    return session.upload.answer(session.finished)
  }

  const takeBytes = async (
    session: Session,
    request: CloudRequest,
    first: number,
    last: number,
  ): Promise<void> => {
    const { intake, size } = session
    const length = Number(request.headers['content-length'])
    if (last - first + 1 !== length)
      throw refuse(400, 'badRequest', 'Content-Range does not fit Content-Length.')
    if (first > intake.stored) throw refuse(400, 'badRequest', `Bytes from ${intake.stored} on are missing.`)
    if (size !== null && last >= size) throw refuse(400, 'badRequest', 'More bytes than the total size.')
    if (last + 1 !== size && length % UNIT_BYTES !== 0) {
      throw refuse(
        400,
        'badRequest',
        'The number of bytes must be a multiple of 262144 except in the last request.',
      )
    }
    const keepOnly = options.faults().takeOwn('chunk', 'keep_only')?.value
    const isFlipped = options.faults().takeOwn('chunk', 'flip_bit') !== undefined
    const before = intake.stored
    // What is stored already is skipped, as is what the service chooses not to keep.
    let skip = before - first
    let room = typeof keepOnly === 'number' ? keepOnly : Infinity
    let flips = isFlipped
    const { turn } = session
    try {
      for await (const piece of request.body) {
        if (session.turn !== turn)
          throw refuse(409, 'conflict', 'Another request has taken this upload over.')
        const fresh = piece.subarray(Math.min(skip, piece.byteLength))
        skip -= piece.byteLength - fresh.byteLength
        const wanted = fresh.subarray(0, Math.min(fresh.byteLength, room))
        room -= wanted.byteLength
        const taken = flips && wanted.byteLength > 0 ? flipped(wanted) : wanted
        if (taken !== wanted) flips = false
        intake.take(taken)
      }
      if (session.turn === turn) intake.commit()
    } finally {
      if (session.turn === turn) intake.rollBack()
    }
  }

  return {
    get open() {
      return [...sessions.values()].filter((session) => session.finished === null).length
    },
    start: (upload) => {
      const id = `A${randomBytes(48).toString('base64url')}`
      const intake = createContentIntake(options.keepsContent, options.onStored)
      sessions.set(id, { upload, intake, size: upload.size, finished: null, turn: 0 })
      return id
    },
    serve: async (id, request) => {
      if (options.needsBearer || request.headers.authorization !== undefined) {
        options.accountOf(request.headers.authorization)
      }
      if (options.faults().takeOwn(request.operation, 'forget_session')) sessions.delete(id)
      const session = sessions.get(id)
      if (session === undefined) throw gone()
      if (request.method === 'DELETE') {
        sessions.delete(id)
        return { status: 499, body: '' }
      }
      session.turn += 1
      session.intake.rollBack()
      return await serve(id, session, request)
    },
    forgetAll: () => sessions.clear(),
  }
}

/** A request without Content-Range carries the whole file. */
function rangeHeader(request: CloudRequest, session: Session): string {
  const header = request.headers['content-range']
  if (header !== undefined) return header
  const length = Number(request.headers['content-length'])
  if (Number.isNaN(length)) throw refuse(411, 'lengthRequired', 'Length Required')
  return length === 0 ? `bytes */${session.size ?? 0}` : `bytes 0-${length - 1}/${length}`
}

function incomplete({ intake }: Session): CloudAnswer {
  return { status: 308, headers: intake.stored === 0 ? {} : { Range: `bytes=0-${intake.stored - 1}` } }
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy[0] = (copy[0] ?? 0) ^ 1
  return copy
}
