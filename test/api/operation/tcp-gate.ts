// A TCP door in front of a real server: closed, connections are refused and those that are open are cut.

import { connect, createServer, type Server, type Socket } from 'node:net'

export interface TcpGate {
  /** Connections stay open and new ones are taken, but no byte passes: a server that hangs. */
  freeze(): void
  /** What was held back passes now. */
  thaw(): void
  readonly port: number
  open(): Promise<void>
  close(): Promise<void>
}

/** Begins open; keeps its port when it is closed and opened again. */
export async function createTcpGate(target: {
  readonly host: string
  readonly port: number
}): Promise<TcpGate> {
  const sockets = new Set<Socket>()
  let server: Server | null = null
  let port = 0
  let isFrozen = false

  async function open(): Promise<void> {
    const next = createServer((client) => {
      const upstream = connect(target)
      for (const socket of [client, upstream]) {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
      }
      // A side that breaks takes the other one along.
      client.on('error', () => upstream.destroy())
      upstream.on('error', () => client.destroy())
      client.pipe(upstream).pipe(client)
      if (isFrozen) holdBack([client, upstream])
    })
    server = next
    await new Promise<void>((resolve, reject) => {
      next.once('error', reject)
      next.listen({ host: '127.0.0.1', port }, resolve)
    })
    const address = next.address()
    port = typeof address === 'object' && address !== null ? address.port : port
  }

  function holdBack(held: Iterable<Socket>): void {
    for (const socket of held) socket.pause()
  }

  await open()
  return {
    freeze() {
      isFrozen = true
      holdBack(sockets)
    },
    thaw() {
      isFrozen = false
      for (const socket of sockets) socket.resume()
    },
    get port() {
      return port
    },
    open,
    async close() {
      const closing = server
      server = null
      for (const socket of sockets) socket.destroy()
      if (closing !== null) await new Promise((resolve) => closing.close(resolve))
    },
  }
}
