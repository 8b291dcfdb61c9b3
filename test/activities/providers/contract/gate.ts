// A TCP port in front of an emulator that can be shut: connections are refused then, as when a network is down. TLS goes
// through untouched.

import net, { type AddressInfo, type Socket } from 'node:net'

export interface Gate {
  readonly port: number
  /** Ends every connection and refuses new ones. */
  shut(): Promise<void>
  reopen(): Promise<void>
  close(): Promise<void>
}

export async function startGate(target: number): Promise<Gate> {
  const sockets = new Set<Socket>()
  const hold = (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // Broken connections are what the gate is for; the other end is closed with it.
    socket.on('error', () => socket.destroy())
  }
  const listen = (port: number) =>
    new Promise<net.Server>((resolve, reject) => {
      const made = net.createServer((client) => {
        const upstream = net.connect(target, '127.0.0.1')
        hold(client)
        hold(upstream)
        client.pipe(upstream)
        upstream.pipe(client)
        client.once('close', () => upstream.destroy())
        upstream.once('close', () => client.destroy())
      })
      made.once('error', reject)
      made.listen(port, '127.0.0.1', () => resolve(made))
    })
  let server: net.Server | null = await listen(0)
  const { port } = server.address() as AddressInfo
  const shut = async () => {
    if (server === null) return
    const closed = new Promise<void>((resolve) => server?.close(() => resolve()))
    server = null
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    port,
    shut,
    reopen: async () => {
      server ??= await listen(port)
    },
    close: shut,
  }
}
