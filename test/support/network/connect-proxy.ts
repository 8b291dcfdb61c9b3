// A small forward proxy for tests and benchmarks: answers CONNECT alone, and takes chosen host names to a port of
// 127.0.0.1, so that programs can be made to talk to an emulator under a provider's real name. TLS goes through
// untouched: who connects still checks the certificate for the name that it asked for.

import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'

export type ConnectProxy = {
  /** `http://127.0.0.1:PORT`, for HTTPS_PROXY. */
  readonly url: string
  /** 'host:port' of every CONNECT, oldest first. */
  readonly connects: readonly string[]
  close(): Promise<void>
}

/**
 * `routes`: host name → port on 127.0.0.1. Any other host is refused with 403, so that nothing leaves the machine.
 */
export async function startConnectProxy(routes: Readonly<Record<string, number>>): Promise<ConnectProxy> {
  const connects: string[] = []
  const sockets = new Set<Duplex>()
  const hold = (socket: Duplex) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A tunnel that breaks is what tests want; the other end is closed with it.
    socket.on('error', () => socket.destroy())
  }
  const server = http.createServer((_incoming, outgoing) => outgoing.writeHead(405).end())
  server.on('connection', hold)
  server.on('connect', (incoming, client: Duplex, head: Buffer) => {
    const authority = incoming.url ?? ''
    connects.push(authority)
    const host = authority.slice(0, authority.lastIndexOf(':'))
    const port = Object.hasOwn(routes, host) ? routes[host] : undefined
    if (port === undefined) return void client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
    const upstream = net.connect(port, '127.0.0.1')
    hold(upstream)
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      if (head.byteLength > 0) upstream.write(head)
      upstream.pipe(client)
      client.pipe(upstream)
    })
    upstream.once('close', () => client.destroy())
    client.once('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connects,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
