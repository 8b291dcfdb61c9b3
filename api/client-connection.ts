// Where a request comes from: address, whether it came over TLS, and under which host name. X-Forwarded-* headers are
// believed only when the connection itself comes from a proxy of TRUSTED_PROXIES; anybody can write such headers.

import { BlockList, isIP } from 'node:net'
import type { Context } from 'hono'
import type { AppEnv } from './app-context.ts'

export type ClientConnection = {
  readonly address: string
  readonly isSecure: boolean
  /** As the browser wrote it in the address bar, with the port. */
  readonly host: string
}

export type ConnectionReader = (c: Context<AppEnv>) => ClientConnection

const UNKNOWN = 'unknown'

export function createConnectionReader(trustedProxies: readonly string[]): ConnectionReader {
  const proxies = new BlockList()
  for (const entry of trustedProxies) {
    const [address = '', prefix] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) proxies.addAddress(address, family)
    else proxies.addSubnet(address, Number(prefix), family)
  }
  const isProxy = (address: string) =>
    isIP(address) !== 0 && proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

  return (c) => {
    const peer = plainAddress(c.env?.incoming?.socket.remoteAddress ?? UNKNOWN)
    const direct = { address: peer, isSecure: false, host: c.req.header('host') ?? new URL(c.req.url).host }
    if (!isProxy(peer)) return direct
    const hops = (c.req.header('x-forwarded-for') ?? '').split(',').map((hop) => plainAddress(hop.trim()))
    // From the right: the nearest hop that is no proxy of ours is the client.
    const client = hops.findLast((hop) => isIP(hop) !== 0 && !isProxy(hop))
    return {
      address: client ?? peer,
      isSecure: lastOf(c.req.header('x-forwarded-proto')) === 'https',
      host: lastOf(c.req.header('x-forwarded-host')) ?? direct.host,
    }
  }
}

/** '::ffff:10.0.0.1' is 10.0.0.1. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

function lastOf(header: string | undefined): string | undefined {
  return header?.split(',').at(-1)?.trim().toLowerCase()
}
