// The line to a cloud: passes connections on to a port of this machine and holds back what goes towards it, because over
// the machine's own loopback an upload is done before anybody has seen it. TLS goes through untouched.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export type Line = { readonly port: number; close(): Promise<void> }

/** Listens on a free port of 127.0.0.1. All connections share `bytesPerSecond` towards `target`; back it is unlimited. */
export async function startLine(target: number, bytesPerSecond: number): Promise<Line> {
  const sockets = new Set<Socket>()
  let freeAt = 0
  const takeTurn = async (bytes: number) => {
    const now = performance.now()
    freeAt = Math.max(now, freeAt) + (1000 * bytes) / bytesPerSecond
    if (freeAt - now >= 1) await delay(freeAt - now)
  }
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      // A reset is what the other side is to see as well; 'close' follows on every error.
      socket.on('error', () => undefined)
      socket.once('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    far.pipe(near)
    passOn(near, far, takeTurn).catch(() => near.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the line has no port')
  return {
    port: address.port,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function passOn(near: Socket, far: Socket, takeTurn: (bytes: number) => Promise<void>): Promise<void> {
  for await (const piece of near as AsyncIterable<Buffer>) {
    await takeTurn(piece.byteLength)
    if (far.destroyed) return
    if (!far.write(piece)) await Promise.race([once(far, 'drain'), once(far, 'close')])
  }
  far.end()
}
