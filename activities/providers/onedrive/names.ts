// Names as SharePoint takes them (docs/providers.md, 3.4). What it refuses is written as %XX (upper-case hex of the
// character), and a percent sign before two hex digits as %25, so that every name can be read back exactly.
// Encoded are: " * : < > ? / \ | and control characters; a space at either end; a leading ~; a trailing dot; the
// first character of a reserved word (CON, desktop.ini, .lock …); the first _ of every _vti_.

import { ProviderError } from '../provider.ts'

/** Characters of a whole decoded path, from the root of the drive (docs/providers.md, 3.4). */
export const MAX_PATH_CHARACTERS = 400

const REFUSED_CHARACTERS = /["*:<>?/\\|\p{Cc}]/gu
const RESERVED_WORDS = /^(\.lock|con|prn|aux|nul|com\d|lpt\d|desktop\.ini)$/i

/** The name under which a file or folder is stored. Throws `name_refused` where no encoding helps. */
export function encodeName(name: string): string {
  if (name === '' || !name.isWellFormed()) {
    throw new ProviderError(
      'name_refused',
      'OneDrive cannot store an empty name, or one with broken Unicode.',
    )
  }
  const encoded = name
    .replace(/%(?=[0-9A-Fa-f]{2})/g, '%25')
    .replace(REFUSED_CHARACTERS, percent)
    .replace(/_(?=vti_)/gi, percent)
    .replace(/^[ ~]/, percent)
    .replace(/[ .]$/, percent)
  const fitted = RESERVED_WORDS.test(encoded) ? percent(encoded.charAt(0)) + encoded.slice(1) : encoded
  checkPathLength(`/${fitted}`)
  return fitted
}

/** The segments of a folder path as stored. `forms` at the root of a library is SharePoint's own. */
export function encodeFolders(path: string): readonly string[] {
  const segments = path.split('/').filter((segment) => segment !== '')
  return segments.map((segment, depth) =>
    depth === 0 && /^forms$/i.test(segment)
      ? percent(segment.charAt(0)) + segment.slice(1)
      : encodeName(segment),
  )
}

/** Refuses a path (beginning with '/') that is longer than SharePoint takes. */
export function checkPathLength(path: string): void {
  const length = path.length - 1
  if (length <= MAX_PATH_CHARACTERS) return
  throw new ProviderError(
    'name_refused',
    `The path of the file has ${length} characters at the destination, and OneDrive takes ${MAX_PATH_CHARACTERS}.`,
    { advice: 'Shorten the remote path or the name.' },
  )
}

/** A name or path as it goes into the URL, each segment encoded down to the unreserved characters. */
export function urlPath(segments: readonly string[]): string {
  return segments.map(urlSegment).join('/')
}

export function urlSegment(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, percent)
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
