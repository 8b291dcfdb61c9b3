// Passes TCP connections on to a port of this machine, so that a test, the demo or a benchmark can hold back, count, or break
// what goes towards it. TLS goes through untouched.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export type Relay = { readonly port: number; close(): Promise<void> }

/** Listens on a free port of 127.0.0.1. `toTarget` moves what comes from the client; the way back is open. */
export async function startRelay(
  target: number,
  toTarget: (near: Socket, far: Socket) => void,
): Promise<Relay> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      // 'close' follows on every error, and ends the other side.
      socket.on('error', () => undefined)
      socket.once('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    far.pipe(near)
    toTarget(near, far)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the relay has no port')
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
