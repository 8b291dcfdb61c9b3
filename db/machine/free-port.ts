// Ports on 127.0.0.1 for the servers that this program starts itself.

import { createServer } from 'node:net'
import { hasErrno } from './errno.ts'

const HOST = '127.0.0.1'

/** `wanted` when it is free, else any free port. `wanted` 0 means any. */
export async function freePort(wanted = 0): Promise<number> {
  const port = (await portIfFree(wanted)) ?? (await portIfFree(0))
  if (port === undefined) throw new Error('this machine has no free port')
  return port
}

/** The port itself, or any for 0; undefined when it is in use or not for this user. */
export function portIfFree(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) =>
      hasErrno(error, 'EADDRINUSE', 'EACCES') ? resolve(undefined) : reject(error),
    )
    server.listen({ host: HOST, port, exclusive: true }, () => {
      const address = server.address()
      const taken = typeof address === 'object' && address ? address.port : undefined
      server.close(() => resolve(taken))
    })
  })
}
