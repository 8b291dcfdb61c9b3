// Names and paths. The rule for names: what Dropbox takes stays as it is (spaces, Unicode, emoji); '/', '\', control
// characters, a space or dot at the end, '%' before two hex digits, and the first character of a name that Dropbox
// ignores on all machines become %XX (bytes of UTF-8), so that decodeURIComponent gives the name back.

import { ProviderError } from '../provider.ts'

/** Characters (UTF-16 units) of one path component (docs/providers.md, 2.5). */
const MAX_NAME_LENGTH = 255

/** Names that Dropbox answers with disallowed_name, whatever their case. */
const IGNORED_NAMES =
  /^(desktop\.ini|thumbs\.db|\.ds_store|icon\r|\.dropbox|\.dropbox\.attr|\.dropbox\.cache|~\$.*|\.~.*|~.*\.tmp)$/i

/** Throws `name_refused` for names that cannot be stored. */
export function dropboxName(name: string): string {
  if (name === '' || !name.isWellFormed())
    throw new ProviderError('name_refused', 'The name is not valid Unicode.')
  const isIgnored = IGNORED_NAMES.test(name) || name === '.' || name === '..'
  const encoded = name
    .replace(/%(?=[0-9A-Fa-f]{2})|[/\\\p{Cc}]|[ .]$/gu, percent)
    .replace(/^./u, (first) => (isIgnored ? percent(first) : first))
  if (encoded.length <= MAX_NAME_LENGTH) return encoded
  throw new ProviderError(
    'name_refused',
    `The name is longer than the ${MAX_NAME_LENGTH} characters that Dropbox stores.`,
  )
}

function percent(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

/** '/a' + '/b' → '/a/b'; '/' adds nothing. */
export function joinPaths(base: string, path: string): string {
  const joined = `${base === '/' ? '' : base}${path === '/' ? '' : path}`
  return joined === '' ? '/' : joined
}

/** The path as Dropbox writes it: its root is '' and no slash. */
export function apiPath(path: string): string {
  return path === '/' ? '' : path
}

export function fileIn(folderPath: string, name: string): string {
  return folderPath === '/' ? `/${name}` : `${folderPath}/${name}`
}
