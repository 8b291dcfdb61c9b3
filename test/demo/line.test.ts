import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { type Line, startLine } from './line.ts'
import { lastWords } from './program.ts'

describe('the line to a cloud', () => {
  let server: Server
  let line: Line
  let answer: (socket: Socket) => void = () => undefined
  before(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => answer(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    line = await startLine(address.port, 1024 ** 3)
  })
  after(async () => {
    await line.close()
    server.close()
  })

  it('passes every byte on, both ways', async () => {
    answer = (socket) => socket.pipe(socket)
    const sent = randomBytes(3_000_000)
    const socket = connect(line.port, '127.0.0.1')
    const pieces: Buffer[] = []
    let received = 0
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece)
      received += piece.byteLength
      if (received === sent.byteLength) socket.destroy()
    })
    socket.write(sent)
    await once(socket, 'close')
    assert.ok(Buffer.concat(pieces).equals(sent))
  })

  it('lets the near side see when the far side breaks off', async () => {
    answer = (socket) => socket.once('data', () => socket.resetAndDestroy())
    const socket = connect(line.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('hello')
    await once(socket, 'close')
    assert.ok(socket.destroyed)
  })
})

describe('the last words of the program', () => {
  it('are the messages of its log and plain lines, without stacks', () => {
    const words = lastWords([
      '{"level":"error","msg":"could not start","err":{"message":"no space","stack":"…"}}',
      'Error: plain',
      '    at somewhere (file.ts:1:1)',
    ])
    assert.equal(words, '. It said last:\n    could not start: no space\n    Error: plain')
    assert.equal(lastWords([]), '')
  })
})
