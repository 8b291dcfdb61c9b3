// One request and its answer over HTTPS, without redirects: the body streamed with backpressure, a stalled transfer given up.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import https from 'node:https'
import { ProviderError } from '../providers/provider.ts'
import { failureOf } from './network-errors.ts'

/** An answer that has not begun this long after the last byte was sent is given up, where the request names no time. */
const ANSWER_TIMEOUT_MS = 60_000
/** JSON answers are small; a listing page of 2,000 files is about 1 MiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

export type HttpBody = string | Uint8Array | AsyncIterable<Uint8Array>

export type HttpRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: HttpBody | undefined
  /** Bytes; needed where `body` is a stream, because no provider takes chunked transfers. */
  readonly contentLength?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** How long the answer may take after the last byte was sent, in ms; default 60 s, a finalise needs 10 min. */
  readonly answerTimeoutMs?: number | undefined
  /** Called with the number of bytes of a streamed body that have left. */
  readonly onSent?: ((bytes: number) => void) | undefined
}

export type HttpAnswer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** How long is waited; in milliseconds. */
export type Limits = {
  readonly stallMs: number
  readonly connectMs: number
  /** Above this no request waits for its answer, whatever it allows itself. */
  readonly longestAnswerMs: number
}

/** Resolves with any status; rejects with a ProviderError, or the signal's reason. */
export function send(agent: https.Agent, limits: Limits, request: HttpRequest): Promise<HttpAnswer> {
  const url = new URL(request.url)
  if (url.protocol !== 'https:') {
    throw new ProviderError(
      'insecure_redirect',
      `The address at ${url.host} is plain HTTP, which is not used.`,
    )
  }
  request.signal?.throwIfAborted()
  const body = typeof request.body === 'string' ? Buffer.from(request.body) : request.body
  const contentLength = body instanceof Uint8Array ? body.byteLength : request.contentLength
  const headers: Record<string, string | number> = { ...request.headers }
  if (contentLength !== undefined) headers['Content-Length'] = contentLength
  else if (request.method !== 'GET' && request.method !== 'HEAD') headers['Content-Length'] = 0

  return new Promise((resolve, reject) => {
    const outgoing = https.request(url, { method: request.method, headers, agent })
    let isOver = false
    let watchdog: NodeJS.Timeout | undefined
    const watch = (ms: number, what: string) => {
      clearTimeout(watchdog)
      // An early answer ends the request before the last byte is written, whose callback must not start the clock again.
      if (isOver) return
      watchdog = setTimeout(() => {
        // Not by the request's own error event: that waits for a socket, which a silent proxy never gives.
        fail(new ProviderError('network_stalled', `${url.host}: ${what} for ${Math.round(ms / 1000)} s.`))
      }, ms)
    }
    const end = (finish: () => void) => {
      if (isOver) return
      isOver = true
      clearTimeout(watchdog)
      request.signal?.removeEventListener('abort', onAbort)
      finish()
    }
    const fail = (cause: unknown) =>
      end(() => {
        outgoing.destroy()
        reject(request.signal?.aborted ? request.signal.reason : failureOf(cause, url.host))
      })
    const onAbort = () => fail(undefined)
    request.signal?.addEventListener('abort', onAbort)

    const answerMs = Math.min(request.answerTimeoutMs ?? ANSWER_TIMEOUT_MS, limits.longestAnswerMs)
    const answered = () => watch(answerMs, 'no answer')
    watch(limits.connectMs, 'no connection')
    outgoing.on('socket', (socket) => {
      const connected = () => (body === undefined ? answered() : watch(limits.stallMs, 'no bytes moved'))
      if (socket.connecting) socket.once('secureConnect', connected)
      else connected()
    })
    outgoing.on('error', fail)
    outgoing.on('response', (incoming) => {
      const arriving = () => watch(limits.stallMs, 'the answer broke off')
      arriving()
      collect(incoming, arriving).then(
        (received) =>
          end(() => {
            // An answer before the whole body was sent (a refusal) leaves a connection that cannot be used again.
            if (!outgoing.writableFinished) outgoing.destroy()
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: received })
          }),
        fail,
      )
    })
    if (body === undefined || body instanceof Uint8Array) {
      outgoing.end(body, () => answered())
      return
    }
    pump(body, outgoing, {
      isOver: () => isOver || outgoing.destroyed,
      moved: (bytes) => {
        request.onSent?.(bytes)
        if (!isOver) watch(limits.stallMs, 'no bytes moved')
      },
    }).then(() => {
      if (!isOver) answered()
    }, fail)
  })
}

type Pump = { isOver(): boolean; moved(bytes: number): void }

/** Writes piece by piece, each after the one before has left: its buffer is free when the next piece is asked for. */
async function pump(
  pieces: AsyncIterable<Uint8Array>,
  outgoing: NodeJS.WritableStream,
  state: Pump,
): Promise<void> {
  for await (const piece of pieces) {
    if (state.isOver()) return
    await written(outgoing, piece, () => state.moved(piece.byteLength))
  }
  if (!state.isOver()) await new Promise<void>((resolve) => outgoing.end(() => resolve()))
}

/** Resolves when the piece has been handed to the system, or never will be. */
function written(outgoing: NodeJS.WritableStream, piece: Uint8Array, moved: () => void): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off('close', done)
      resolve()
    }
    // Not every write is called back when the connection is given up.
    outgoing.on('close', done)
    outgoing.write(piece, (error) => {
      if (!error) moved()
      done()
    })
  })
}

async function collect(incoming: IncomingMessage, arriving: () => void): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    arriving()
    size += piece.byteLength
    if (size > MAX_ANSWER_BYTES)
      throw new ProviderError('unexpected_answer', 'The answer is larger than 64 MiB.')
    pieces.push(piece)
  }
  return Buffer.concat(pieces, size)
}
