// Where a request comes from: its address, whether it came over TLS, and the host name. X-Forwarded-* headers count only when
// the connection itself comes from a proxy in TRUSTED_PROXIES, because anybody can write such headers.

import { BlockList, isIP } from 'node:net'
import type { Context } from 'hono'
import type { AppEnv } from '../access/principal.ts'

type ClientConnection = {
  readonly address: string
  readonly isSecure: boolean
  /** As the browser wrote it in the address bar, with the port. */
  readonly host: string
}

export type ConnectionReader = (c: Context<AppEnv>) => ClientConnection

const UNKNOWN = 'unknown'

/** `trustedProxies`: addresses and networks such as 10.0.0.0/8. */
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
    const peer = bareAddress(c.env?.incoming?.socket.remoteAddress ?? UNKNOWN)
    const direct = { address: peer, isSecure: false, host: c.req.header('host') ?? new URL(c.req.url).host }
    if (!isProxy(peer)) return direct
    const hops = (c.req.header('x-forwarded-for') ?? '').split(',').map((hop) => bareAddress(hop.trim()))
    // Read from the right: the nearest hop that is none of our proxies is the client. When that is no address, the entries
    // further left are ignored, because the client may have written them.
    const client = hops.findLast((hop) => !isProxy(hop))
    return {
      address: client !== undefined && isIP(client) !== 0 ? client : peer,
      isSecure: lastOf(c.req.header('x-forwarded-proto')) === 'https',
      host: lastOf(c.req.header('x-forwarded-host')) ?? direct.host,
    }
  }
}

/** As proxies write them: with a port, in brackets, with a zone. '::ffff:10.0.0.1' is 10.0.0.1. */
function bareAddress(text: string): string {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  const address = bare.replace(/%.*$/, '')
  return isIP(address) === 6 ? canonicalIpv6(address) : address
}

/** The one spelling in which addresses are compared. */
function canonicalIpv6(address: string): string {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(canonical) ?? []
  if (high === undefined || low === undefined) return canonical
  const bytes = [high, low].flatMap((word) => [
    Number.parseInt(word, 16) >> 8,
    Number.parseInt(word, 16) & 255,
  ])
  return bytes.join('.')
}

/** The addresses that one party has: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.split('::')
  const words = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - words.length - after.length }, () => '0')
  return `${[...words, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}

function lastOf(header: string | undefined): string | undefined {
  return header?.split(',').at(-1)?.trim().toLowerCase()
}
