// The HTTPS server under each emulator: real TLS, a log of what was asked, and the faults of faults.ts played on
// the wire. The emulator itself only sees requests whose bytes really arrived.

import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestAuthority } from './certificates.ts'
import { createFaults, type FaultAction, type Faults, type HoldPoint } from './faults.ts'

export type CloudRequest = {
  readonly method: string
  /** Host header without port: tells which of the provider's hosts was meant. */
  readonly host: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly operation: string
  /** Body bytes as they arrive; ends early (throws) when the connection breaks. */
  readonly body: AsyncIterable<Buffer>
  /** The whole body; only for small ones. */
  readBody(): Promise<Buffer>
}

export type CloudAnswer = {
  readonly status: number
  readonly headers?: Record<string, string>
  /** A JSON value, a string or bytes sent as they are, or nothing. */
  readonly body?: unknown
}

export type CloudEmulator = {
  /** Host names that the certificate covers, besides localhost and 127.0.0.1. */
  readonly hosts: readonly string[]
  /** Names the operation, from method, host, path and headers alone. */
  operationOf(request: {
    method: string
    host: string
    url: URL
    headers: IncomingMessage['headers']
  }): string
  handle(request: CloudRequest): Promise<CloudAnswer>
  /** The provider's own error shape for a plain status fault. */
  errorBody(status: number, operation: string): unknown
}

export type RequestRecord = {
  readonly method: string
  readonly host: string
  /** Path and query. */
  readonly path: string
  readonly operation: string
  readonly hasAuthorization: boolean
  /** Body bytes that arrived. */
  bytes: number
  /** Answered status; 0 while open or when the connection broke. */
  status: number
  /** The fault that struck, if any. */
  readonly fault: FaultAction['kind'] | null
}

export interface CloudServer {
  /** `https://127.0.0.1:PORT` */
  readonly origin: string
  readonly port: number
  readonly faults: Faults
  /** Every request since the start or the last `forgetRequests`, oldest first. */
  readonly requests: readonly RequestRecord[]
  /** Body bytes received by an operation so far. */
  bytesReceived(operation: string): number
  forgetRequests(): void
  close(): Promise<void>
}

/** Starts an emulator on a free port of 127.0.0.1 (or on `port`). */
export async function startCloudServer(
  emulator: CloudEmulator,
  authority: TestAuthority,
  port = 0,
): Promise<CloudServer> {
  const faults = createFaults()
  const requests: RequestRecord[] = []
  const sockets = new Set<Duplex>()
  const certificate = await authority.issue(['localhost', '127.0.0.1', ...emulator.hosts])
  const server = https.createServer({ ...certificate, requestTimeout: 0 }, (incoming, outgoing) => {
    serve(emulator, faults, requests, incoming, outgoing).catch((cause: unknown) => {
      // A connection that broke under the emulator is what many tests want; anything else must be seen.
      if (incoming.destroyed || outgoing.destroyed) return
      const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
      outgoing.writeHead(599, { 'Content-Type': 'text/plain' }).end(`emulator fault: ${text}`)
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address() as AddressInfo
  return {
    origin: `https://127.0.0.1:${address.port}`,
    port: address.port,
    faults,
    requests,
    bytesReceived: (operation) =>
      requests.filter((entry) => entry.operation === operation).reduce((sum, entry) => sum + entry.bytes, 0),
    forgetRequests: () => {
      requests.length = 0
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function serve(
  emulator: CloudEmulator,
  faults: Faults,
  requests: RequestRecord[],
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  // By the clock of the emulator, which Node's own header would not follow under `npm test -- --days N`.
  outgoing.setHeader('Date', new Date().toUTCString())
  const hostHeader = incoming.headers.host ?? 'localhost'
  const url = new URL(incoming.url ?? '/', `https://${hostHeader}`)
  const method = incoming.method ?? 'GET'
  const host = url.hostname
  const operation = emulator.operationOf({ method, host, url, headers: incoming.headers })
  const fault = faults.take(operation)
  const record: RequestRecord = {
    method,
    host,
    path: url.pathname + url.search,
    operation,
    hasAuthorization: incoming.headers.authorization !== undefined,
    bytes: 0,
    status: 0,
    fault: fault?.kind ?? null,
  }
  requests.push(record)
  const hold = async (at: HoldPoint) => {
    if (fault?.kind !== 'hold' || fault.at !== at) return
    fault.gate.reach()
    await fault.gate.opened
  }
  await hold('request')
  if (fault?.kind === 'refuse') return void incoming.socket.destroy()
  if (fault?.kind === 'status' || fault?.kind === 'redirect') {
    for await (const piece of incoming) record.bytes += (piece as Buffer).byteLength
    return write(outgoing, record, faultAnswer(emulator, fault, operation))
  }
  const limit = fault?.kind === 'reset_after' || fault?.kind === 'stall_after' ? fault.bytes : Infinity
  async function* body(): AsyncGenerator<Buffer> {
    for await (const piece of incoming as AsyncIterable<Buffer>) {
      const room = limit - record.bytes
      const taken = piece.byteLength > room ? piece.subarray(0, room) : piece
      record.bytes += taken.byteLength
      if (taken.byteLength > 0) yield taken
      if (record.bytes < limit) continue
      if (fault?.kind === 'stall_after')
        await new Promise((resolve) => incoming.socket.once('close', resolve))
      incoming.socket.destroy()
      throw new Error('connection reset by a fault')
    }
    await hold('arrived')
  }
  const stream = body()
  // Nobody reads a body that is empty.
  if (Number(incoming.headers['content-length'] ?? 0) === 0) await hold('arrived')
  const answer = await emulator.handle({
    method,
    host,
    url,
    headers: incoming.headers,
    operation,
    body: stream,
    readBody: async () => {
      const pieces: Buffer[] = []
      for await (const piece of stream) pieces.push(piece)
      return Buffer.concat(pieces)
    },
  })
  await hold('answer')
  if (fault?.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.ms))
  if (fault?.kind === 'lose_answer') return void incoming.socket.destroy()
  if (fault?.kind === 'truncate_answer') {
    const whole = encode(answer.body).bytes
    record.status = answer.status
    outgoing.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers })
    return void outgoing.end(whole.subarray(0, Math.floor(whole.byteLength / 2)))
  }
  write(outgoing, record, answer)
  // What the emulator did not want to read is taken from the wire, so that the client can read the answer.
  incoming.resume()
}

function faultAnswer(emulator: CloudEmulator, fault: FaultAction, operation: string): CloudAnswer {
  if (fault.kind === 'redirect') return { status: 302, headers: { Location: fault.to } }
  if (fault.kind !== 'status') throw new Error(`no answer for a fault of kind ${fault.kind}`)
  const body = 'body' in fault ? fault.body : emulator.errorBody(fault.status, operation)
  return { status: fault.status, body, ...(fault.headers ? { headers: fault.headers } : {}) }
}

function write(outgoing: ServerResponse, record: RequestRecord, answer: CloudAnswer): void {
  const { bytes, type } = encode(answer.body)
  record.status = answer.status
  outgoing.writeHead(answer.status, {
    ...(type ? { 'Content-Type': type } : {}),
    ...(answer.status === 204 ? {} : { 'Content-Length': bytes.byteLength }),
    ...answer.headers,
  })
  outgoing.end(bytes)
}

function encode(body: unknown): { bytes: Buffer; type: string | undefined } {
  if (body === undefined) return { bytes: Buffer.alloc(0), type: undefined }
  if (Buffer.isBuffer(body)) return { bytes: body, type: 'application/octet-stream' }
  if (typeof body === 'string') return { bytes: Buffer.from(body), type: 'text/plain; charset=utf-8' }
  return { bytes: Buffer.from(JSON.stringify(body)), type: 'application/json; charset=utf-8' }
}
