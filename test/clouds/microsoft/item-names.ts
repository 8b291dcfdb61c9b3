// What SharePoint refuses as a name or path (docs/providers.md, 3.4).

import { refuse } from './graph-error.ts'

const MAX_PATH_CHARACTERS = 400
const RESERVED = /^(\.lock|con|prn|aux|nul|com\d|lpt\d|desktop\.ini)$/i

/** Throws the refusal that the real service gives. */
export function checkName(name: string, parentPath: string): void {
  const isBad =
    name === '' ||
    /["*:<>?/\\|\p{Cc}]/u.test(name) ||
    /^[ ~]|[ .]$/.test(name) ||
    /_vti_/i.test(name) ||
    RESERVED.test(name) ||
    (parentPath === '/' && /^forms$/i.test(name))
  if (isBad)
    throw refuse(400, 'invalidRequest', 'The provided name cannot contain these characters.', ['invalidPath'])
  const path = parentPath === '/' ? name : `${parentPath.slice(1)}/${name}`
  if (path.length > MAX_PATH_CHARACTERS) {
    throw refuse(400, 'invalidRequest', 'The specified file or folder path is too long.', ['pathIsTooLong'])
  }
}
