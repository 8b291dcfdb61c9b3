import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createHttpClient, type HttpClient, type HttpRequest } from '../../../activities/http/client.ts'
import { createTestAuthority, trustHere } from '../../clouds/certificates.ts'

type Handler = (incoming: IncomingMessage, outgoing: ServerResponse) => void | Promise<void>

const MIB = 1024 * 1024
const STALL_MS = 150

async function* bytes(count: number, piece = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let left = count; left > 0; left -= piece) yield Buffer.alloc(Math.min(piece, left), 7)
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of incoming) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

describe('the HTTP client', () => {
  let origin: string
  let stranger: string
  let handle: Handler = () => undefined
  const servers: https.Server[] = []
  const sockets = new Set<Duplex>()
  let client: HttpClient
  let patient: HttpClient

  async function serve(certificate: { cert: string; key: string }): Promise<string> {
    const server = https.createServer(certificate, (incoming, outgoing) => {
      Promise.resolve(handle(incoming, outgoing)).catch(() => incoming.destroy())
    })
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  before(async () => {
    const [known, unknown] = [await createTestAuthority(), await createTestAuthority()]
    trustHere(known)
    origin = await serve(await known.issue(['localhost', '127.0.0.1']))
    stranger = await serve(await unknown.issue(['localhost', '127.0.0.1']))
  })
  beforeEach(() => {
    client = createHttpClient({ stallTimeoutMs: STALL_MS, connectTimeoutMs: 5_000 })
    patient = createHttpClient()
  })
  afterEach(() => {
    client.close()
    patient.close()
    for (const socket of sockets) socket.destroy()
  })
  after(async () => {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  })

  const get = (more: Partial<HttpRequest> = {}, by = client) =>
    by.request({ method: 'GET', url: `${origin}/x`, ...more })
  const put = (size: number, more: Partial<HttpRequest> = {}, by = client) =>
    by.request({ method: 'PUT', url: `${origin}/x`, body: bytes(size), contentLength: size, ...more })

  it('sends and receives bodies of every kind', async () => {
    handle = async (incoming, outgoing) => {
      const body = await readAll(incoming)
      const { 'content-length': length, 'transfer-encoding': encoding = 'none' } = incoming.headers
      outgoing.end(
        JSON.stringify({ method: incoming.method, length, encoding, body: body.toString().slice(0, 20) }),
      )
    }
    const answer = async (request: Partial<HttpRequest>) => JSON.parse((await get(request)).body.toString())
    assert.deepEqual(await answer({}), { method: 'GET', encoding: 'none', body: '' })
    assert.deepEqual(await answer({ method: 'POST' }), {
      method: 'POST',
      length: '0',
      encoding: 'none',
      body: '',
    })
    assert.deepEqual(await answer({ method: 'POST', body: 'ü' }), {
      method: 'POST',
      length: '2',
      encoding: 'none',
      body: 'ü',
    })
    assert.deepEqual(await answer({ method: 'PATCH', body: new Uint8Array([65]) }), {
      method: 'PATCH',
      length: '1',
      encoding: 'none',
      body: 'A',
    })
    const sent: number[] = []
    const streamed = await put(200_000, { onSent: (count) => sent.push(count) })
    assert.equal(JSON.parse(streamed.body.toString()).length, '200000')
    assert.equal(
      sent.reduce((sum, count) => sum + count, 0),
      200_000,
    )
  })

  it('answers with every status, and with 308 without a Location as it is', async () => {
    for (const status of [200, 201, 204, 308, 304, 400, 404, 409, 429, 500, 503]) {
      handle = (_, outgoing) => void outgoing.writeHead(status, { 'Retry-After': '7' }).end()
      const answer = await get()
      assert.deepEqual([answer.status, answer.headers['retry-after']], [status, '7'])
    }
  })

  it('gives up a server that does not answer', async () => {
    handle = () => undefined
    await assert.rejects(get({ answerTimeoutMs: STALL_MS }), { code: 'network_stalled' })
    await assert.rejects(put(1000, { answerTimeoutMs: STALL_MS }), { code: 'network_stalled' })
  })

  it('gives up a server that takes no more bytes in the middle of a body', async () => {
    handle = (incoming) => void incoming.once('data', () => incoming.pause())
    await assert.rejects(put(64 * MIB), { code: 'network_stalled' })
  })

  it('gives up an answer that stands still, and not one that comes slowly', async () => {
    handle = (_, outgoing) => void outgoing.writeHead(200, { 'Content-Length': '10' }).write('12345')
    await assert.rejects(get(), { code: 'network_stalled' })
    handle = async (_, outgoing) => {
      outgoing.writeHead(200, { 'Content-Length': '10' })
      for (let i = 0; i < 10; i += 1) {
        await pause(STALL_MS / 4)
        outgoing.write('x')
      }
      outgoing.end()
    }
    assert.equal((await get()).body.byteLength, 10)
  })

  for (const status of [401, 429]) {
    it(`reads a ${status} that comes in the middle of the body, and stops sending`, async () => {
      handle = (incoming, outgoing) =>
        void incoming.once('data', () => {
          incoming.pause()
          outgoing
            .writeHead(status, { 'Content-Type': 'application/json', 'Retry-After': '3' })
            .end('{"error":"no"}')
        })
      let isStopped = false
      async function* watched() {
        try {
          yield* bytes(64 * MIB)
        } finally {
          isStopped = true
        }
      }
      const answer = await put(64 * MIB, { body: watched() })
      assert.deepEqual([answer.status, answer.body.toString()], [status, '{"error":"no"}'])
      const deadline = Date.now() + 5_000
      while (!isStopped && Date.now() < deadline) await pause(5)
      assert.ok(isStopped)
      handle = (_, outgoing) => void outgoing.end('fine')
      assert.equal((await get()).status, 200)
    })
  }

  it('fails as the network does when the connection is reset or the answer cut off', async () => {
    handle = (incoming) => void incoming.once('data', () => incoming.socket.destroy())
    await assert.rejects(put(64 * MIB), { name: 'ProviderError', code: 'network_unreachable' })
    handle = (incoming) => void incoming.socket.destroy()
    await assert.rejects(get(), { code: 'network_unreachable' })
    handle = (_, outgoing) => {
      outgoing.writeHead(200, { 'Content-Length': '100' }).write('{"half":', () => outgoing.socket?.end())
    }
    await assert.rejects(get(), { code: 'network_unreachable' })
    handle = (_, outgoing) => void outgoing.writeHead(200).write('{"half":', () => outgoing.socket?.destroy())
    await assert.rejects(get(), { code: 'network_unreachable' })
    await assert.rejects(get({ url: 'https://127.0.0.1:1/x' }), { code: 'network_unreachable' })
  })

  it('passes on what is wrong with the body that it is to send', async () => {
    handle = async (incoming, outgoing) => {
      await readAll(incoming)
      outgoing.end()
    }
    const fault = new Error('archive changed')
    async function* failing() {
      yield Buffer.alloc(1000)
      throw fault
    }
    await assert.rejects(put(2000, { body: failing() }), fault)
  })

  it('refuses plain HTTP, asked for or redirected to', async () => {
    await assert.rejects(get({ url: 'http://127.0.0.1/x' }), { code: 'insecure_redirect' })
    handle = (_, outgoing) =>
      void outgoing.writeHead(302, { Location: 'http://127.0.0.1:1/secret?token=x' }).end()
    for (const request of [get(), put(10)]) {
      await assert.rejects(request, (error: Error & { code?: string }) => {
        assert.equal(error.code, 'insecure_redirect')
        assert.ok(!error.message.includes('secret'))
        return true
      })
    }
  })

  it('follows redirects of a GET a few times and of nothing else', async () => {
    handle = (incoming, outgoing) => {
      const count = Number(incoming.url?.slice(2) || 0)
      if (count === 0) outgoing.end('here')
      else outgoing.writeHead(307, { Location: `/n${count - 1}` }).end()
    }
    assert.equal((await get({ url: `${origin}/n3` })).body.toString(), 'here')
    await assert.rejects(get({ url: `${origin}/n4` }), { code: 'unexpected_answer' })
    await assert.rejects(get({ url: `${origin}/n1`, method: 'POST' }), { code: 'insecure_redirect' })
    handle = (_, outgoing) => void outgoing.writeHead(302, { Location: 'https://' }).end()
    await assert.rejects(get(), { code: 'unexpected_answer' })
  })

  it('takes credentials along to the same host only', async () => {
    const headers = { AUTHORIZATION: 'Bearer secret', Cookie: 'a=b', Accept: 'text/plain' }
    let seen: IncomingMessage['headers'] = {}
    const to =
      (location: string): Handler =>
      (incoming, outgoing) => {
        seen = incoming.headers
        if (incoming.url === '/end') outgoing.end()
        else outgoing.writeHead(302, { Location: location }).end()
      }
    handle = to('/end')
    await get({ headers })
    assert.equal(seen.authorization, 'Bearer secret')
    handle = to(`${origin.replace('127.0.0.1', 'localhost')}/end`)
    await get({ headers })
    assert.deepEqual([seen.authorization, seen.cookie, seen.accept], [undefined, undefined, 'text/plain'])
  })

  it('trusts no certificate that nobody vouches for, nor one for another name', async () => {
    handle = (_, outgoing) => void outgoing.end('secret')
    await assert.rejects(get({ url: `${stranger}/x` }), { code: 'certificate_invalid' })
    const other = origin.replace('127.0.0.1', '127.0.0.2')
    const server = https.createServer(await (await createTestAuthority()).issue(['elsewhere.example']))
    await new Promise<void>((resolve) => server.listen(Number(new URL(other).port), '127.0.0.2', resolve))
    servers.push(server)
    await assert.rejects(get({ url: `${other}/x` }), { code: 'certificate_invalid' })
  })

  it('stops at once when it is told to, with the reason that it is given', async () => {
    handle = () => undefined
    const reason = new Error('cancelled by a person')
    await assert.rejects(get({ signal: AbortSignal.abort(reason) }), (error) => error === reason)
    for (const start of [
      (signal: AbortSignal) => get({ signal }, patient),
      (signal: AbortSignal) => put(64 * MIB, { signal }, patient),
    ]) {
      const stop = new AbortController()
      const arrived = new Promise<void>((resolve) => {
        handle = () => resolve()
      })
      const request = start(stop.signal)
      await Promise.race([arrived, request])
      stop.abort(reason)
      await assert.rejects(request, (error) => error === reason)
    }
  })

  it('takes no answer that never ends', async () => {
    handle = (_, outgoing) => pipeline(Readable.from(bytes(80 * MIB, MIB)), outgoing)
    await assert.rejects(get({}, patient), { code: 'unexpected_answer' })
  })

  it('sends 1 GiB without holding it in memory', async () => {
    const size = 1024 * MIB
    const piece = Buffer.alloc(256 * 1024, 'cloud')
    let received = 0
    handle = async (incoming, outgoing) => {
      for await (const part of incoming) received += (part as Buffer).byteLength
      outgoing.end()
    }
    async function* body() {
      for (let at = 0; at < size; at += piece.byteLength) yield piece
    }
    const held = () => {
      const { heapUsed, external, arrayBuffers } = process.memoryUsage()
      return heapUsed + external + arrayBuffers
    }
    const start = held()
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, held() - start)
    }, 20)
    let sent = 0
    await put(size, { body: body(), onSent: (count) => (sent += count) }, patient)
    clearInterval(watch)
    assert.deepEqual([sent, received], [size, size])
    assert.ok(most < 256 * MIB, `${Math.round(most / MIB)} MiB were held`)
  })

  it('gives a fetch to libraries: form bodies, JSON, headers, errors', async () => {
    handle = async (incoming, outgoing) => {
      const body = (await readAll(incoming)).toString()
      const { 'content-type': type, 'content-length': length, 'x-test': test } = incoming.headers
      outgoing.writeHead(201, { 'Content-Type': 'application/json', 'X-Answer': 'yes' })
      outgoing.end(JSON.stringify({ method: incoming.method, type, length, test, body }))
    }
    const form = await client.fetch(`${origin}/token`, {
      method: 'POST',
      headers: { 'X-Test': '1' },
      body: new URLSearchParams({ grant_type: 'refresh_token', x: 'ü&' }),
    })
    assert.deepEqual([form.status, form.ok, form.headers.get('x-answer')], [201, true, 'yes'])
    const text = 'grant_type=refresh_token&x=%C3%BC%26'
    assert.deepEqual(await form.json(), {
      method: 'POST',
      type: 'application/x-www-form-urlencoded;charset=UTF-8',
      length: String(text.length),
      test: '1',
      body: text,
    })
    const upload = new FormData()
    upload.set('file', new Blob(['content']), 'x.txt')
    const multipart = await (
      await client.fetch(new URL(`${origin}/m`), { method: 'POST', body: upload })
    ).json()
    assert.match(JSON.stringify(multipart), /multipart\/form-data; boundary=.*filename=\\+"x\.txt/)
    const asRequest = await client.fetch(new Request(`${origin}/r`, { method: 'PUT', body: 'text' }))
    assert.equal(JSON.parse(await asRequest.text()).body, 'text')
    handle = (_, outgoing) => void outgoing.writeHead(204).end()
    assert.equal((await client.fetch(origin)).status, 204)
    await assert.rejects(client.fetch(`${stranger}/x`), { code: 'certificate_invalid' })
    await assert.rejects(client.fetch(origin, { method: 'OPTIONS' }), { code: 'request_refused' })
  })

  it('stops a fetch by the signal of its options or of its Request', async () => {
    handle = () => undefined
    const reason = new Error('enough')
    await assert.rejects(
      client.fetch(origin, { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    )
    const stop = new AbortController()
    const request = client.fetch(new Request(origin, { signal: stop.signal }))
    stop.abort(reason)
    await assert.rejects(request, (error) => error === reason)
  })

  it('leaves the bytes as they were', async () => {
    handle = async (incoming, outgoing) => {
      const hash = createHash('sha256')
      for await (const piece of incoming) hash.update(piece as Buffer)
      outgoing.end(hash.digest('hex'))
    }
    const hash = createHash('sha256')
    for await (const piece of bytes(3_000_001)) hash.update(piece)
    assert.equal((await put(3_000_001)).body.toString(), hash.digest('hex'))
  })
})
