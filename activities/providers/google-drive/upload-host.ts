// Whether an upload may go to the address that the provider named: a session address is a credential, and the archive
// goes there. Taken are Google's own hosts, and those that belong to the configured root.

const GOOGLE = 'googleapis.com'

export function isTrustedUpload(address: string, apiRoot: string): boolean {
  const url = URL.parse(address)
  const root = URL.parse(apiRoot)
  if (url === null || root === null || url.protocol !== 'https:' || url.username !== '') return false
  if (url.host === root.host) return true
  if (isLoopback(root.hostname)) return isLoopback(url.hostname)
  return url.hostname.endsWith(`.${GOOGLE}`) || areSiblings(url.hostname, root.hostname)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** upload.drive.example.org and api.drive.example.org: equal but for the first label, and more than a top level. */
function areSiblings(one: string, other: string): boolean {
  const parent = one.slice(one.indexOf('.') + 1)
  const isName = /[a-z]$/.test(one) && parent.split('.').length >= 2
  return isName && parent === other.slice(other.indexOf('.') + 1)
}
