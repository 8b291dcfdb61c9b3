// Requests that Node's HTTP server refuses before the app sees them: broken, too long, too slow, or with an `Expect` header that
// it cannot meet. They get a problem document (RFC 9457) and the security headers like any other answer. Their connection is
// closed, because the start of the next request is unknown.

import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { PROBLEM_JSON, Problem, problemDocument } from './problem.ts'
import { SECURITY_HEADERS } from './security-headers.ts'

const BY_CODE: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: new Problem(431, 'The headers of the request are too large.'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new Problem(413, 'The chunk extensions of the body are too large.'),
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(408, 'The request did not arrive in time.'),
}
const BROKEN = new Problem(400, 'This is not a request of HTTP/1.1.')
/** Requests that parse but have no address for the app: no Host, a bad one, or `OPTIONS *`. */
const NO_ADDRESS = new Problem(400, 'The address or the Host header of the request is not valid.')
const UNMET = new Problem(417, 'Only "100-continue" is understood as an expectation.')
const NO_PROXY = new Problem(501, 'There is no tunnel here: CONNECT is not supported.')
/** A client that is still sending must be able to read the answer before the connection closes. */
const LINGER_MS = 1_000

/** For the listener that turns Node's requests into requests of the app. */
export function refuseAddress(): Response {
  const { status, headers, body } = refusal(NO_ADDRESS)
  return new Response(body, { status, headers })
}

/** Answers what the server itself refuses. Call it before the server listens. */
export function answerRefusals(server: Server): void {
  const answers = new WeakMap<Duplex, ServerResponse>()
  server.on('request', (request: IncomingMessage, answer: ServerResponse) => {
    answers.set(request.socket, answer)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const answer = answers.get(socket)
    // An answer that has begun cannot be replaced.
    const isMidAnswer = answer?.headersSent === true && !answer.writableFinished
    if (error.code === 'ECONNRESET' || !socket.writable || isMidAnswer) socket.destroy()
    else writeAndClose(socket, BY_CODE[error.code ?? ''] ?? BROKEN)
  })
  server.on('checkExpectation', (_request: IncomingMessage, answer: ServerResponse) => {
    const { status, headers, body } = refusal(UNMET)
    answer.writeHead(status, headers).end(body)
  })
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => writeAndClose(socket, NO_PROXY))
}

function refusal(problem: Problem) {
  const { status } = problem
  const body = JSON.stringify(problemDocument(problem))
  const headers = { ...SECURITY_HEADERS, 'content-type': PROBLEM_JSON, connection: 'close' }
  return { status, headers, body }
}

function writeAndClose(socket: Duplex, problem: Problem): void {
  const { status, headers, body } = refusal(problem)
  const lines = Object.entries({ ...headers, 'content-length': Buffer.byteLength(body) }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
