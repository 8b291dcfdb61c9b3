// Which addresses out of Graph's answers are followed. An upload URL is a credential and a page URL gets the bearer
// token: neither may lead to a host that is not Microsoft's, nor near the configured root, and never to plain HTTP.

import { ProviderError } from '../provider.ts'
import { httpsAddress, isNear, isTrustedHost } from '../trusted-host.ts'

const GRAPH_HOSTS = [
  'graph.microsoft.com',
  'graph.microsoft.us',
  'dod-graph.microsoft.us',
  'microsoftgraph.chinacloudapi.cn',
]

/** Suffixes of the hosts that take upload fragments, with those of the national clouds. */
const UPLOAD_SUFFIXES = [
  '.sharepoint.com',
  '.sharepoint.us',
  '.sharepoint-mil.us',
  '.sharepoint.cn',
  '.svc.ms',
  '.1drv.com',
  '.onedrive.com',
  '.microsoftpersonalcontent.com',
]

/** The address of Graph's REST interface, from the configured root. */
export function graphBase(root: string): string {
  const bare = root.replace(/\/+$/, '')
  return /\/(v1\.0|beta)$/.test(bare) ? bare : `${bare}/v1.0`
}

/** The scope of a token for this Graph: that of the national cloud, or of the public one behind a gateway. */
export function graphScope(root: string): string {
  const { hostname } = new URL(root)
  return `https://${GRAPH_HOSTS.includes(hostname) ? hostname : 'graph.microsoft.com'}/.default`
}

/** Throws `insecure_redirect` unless the upload URL may be used. */
export function checkUploadUrl(url: string, root: string): void {
  const parsed = httpsAddress(url)
  if (parsed !== null && isTrustedHost(parsed, new URL(root), UPLOAD_SUFFIXES)) return
  throw refused('an upload address', parsed)
}

/** Throws `insecure_redirect` unless the next page may be asked with our token. */
export function checkPageUrl(url: string, root: string): void {
  const parsed = httpsAddress(url)
  if (parsed !== null && (GRAPH_HOSTS.includes(parsed.host) || parsed.host === new URL(root).host)) return
  throw refused('a next page', parsed)
}

/** Throws `insecure_redirect` unless the client secret may be sent there. */
export function checkSignInUrl(url: string, root: string): void {
  const parsed = httpsAddress(url)
  if (parsed !== null && isNear(parsed, new URL(root))) return
  throw refused('a sign-in address', parsed)
}

function refused(what: string, url: URL | null): ProviderError {
  const where = url === null ? 'that is not HTTPS' : `at the unknown host ${url.host}`
  return new ProviderError('insecure_redirect', `Graph names ${what} ${where}. Nothing was sent there.`)
}
