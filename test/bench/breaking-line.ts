// A line to an emulator that breaks: passes TCP connections on, counts the bytes towards the cloud, and resets the
// connection that carries a chosen one. What the client had already given to its kernel is lost with it, as on a real line.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export type BreakingLine = {
  readonly port: number
  /** Bytes that went towards the cloud, TLS among them. */
  readonly passed: number
  /** Resets that have happened. */
  readonly breaks: number
  close(): Promise<void>
}

/** Breaks when so many bytes in all (ascending) have gone towards `target`, on a free port of 127.0.0.1. */
export async function startBreakingLine(target: number, breakAt: readonly number[]): Promise<BreakingLine> {
  const sockets = new Set<Socket>()
  let passed = 0
  let breaks = 0
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
    near.on('data', (piece: Buffer) => {
      passed += piece.byteLength
      if (passed >= (breakAt[breaks] ?? Infinity)) {
        breaks += 1
        near.resetAndDestroy()
        far.resetAndDestroy()
        return
      }
      if (far.write(piece)) return
      near.pause()
      far.once('drain', () => near.resume())
    })
    near.once('end', () => far.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the line has no port')
  return {
    port: address.port,
    get passed() {
      return passed
    },
    get breaks() {
      return breaks
    },
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
