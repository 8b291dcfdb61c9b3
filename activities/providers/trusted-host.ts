// Whether an address that a provider named may be used. An upload address is a credential, and the archive goes there, so
// it must lead to a host that is known to be the provider's, or to one near the configured root.

/** Null unless it is an HTTPS address without a user name. */
export function httpsAddress(address: string): URL | null {
  const url = URL.parse(address)
  return url?.protocol === 'https:' && url.username === '' ? url : null
}

/** `suffixes` are those of the provider's own hosts, each with its leading dot. */
export function isTrustedHost(url: URL, root: URL, suffixes: readonly string[]): boolean {
  return suffixes.some((suffix) => url.hostname.endsWith(suffix)) || isNear(url, root)
}

/** The same host, a host below the same parent domain, or loopback where the root is loopback. */
export function isNear(url: URL, root: URL): boolean {
  if (url.hostname === root.hostname) return true
  if (isLoopback(root.hostname)) return isLoopback(url.hostname)
  const parent = root.hostname.split('.').slice(1)
  const isName = /[a-z]/i.test(parent.at(-1) ?? '')
  return isName && parent.length >= 2 && url.hostname.endsWith(`.${parent.join('.')}`)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
