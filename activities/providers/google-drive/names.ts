// Names and marks on Drive. Drive takes every name that is UTF-8, '/' and emoji among it, and keeps it as it is.

import { createHash } from 'node:crypto'
import { ProviderError, type UploadTarget } from '../provider.ts'

/** Drive's limit for key and value of a private property together is 124 bytes; 100 leave room for the key. */
const MAX_PROPERTY_BYTES = 100

/** The name itself: Drive needs no encoding. Throws `name_refused` for what is no UTF-8, or empty. */
export function remoteName(name: string): string {
  if (name === '' || !name.isWellFormed()) {
    throw new ProviderError('name_refused', 'Google Drive cannot store a name that is empty or not Unicode.')
  }
  return name
}

/** A text as a literal of the search language. */
export function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`
}

/** Marks that only this Google project sees: which run and instance a file belongs to. */
export function marksOf(target: Pick<UploadTarget, 'runId' | 'instance'>): {
  run_id: string
  instance: string
} {
  return { run_id: fitted(target.runId), instance: fitted(target.instance) }
}

/** A value that is too long for a property is replaced by its SHA-256: it only has to be recognised. */
function fitted(value: string): string {
  if (Buffer.byteLength(value) <= MAX_PROPERTY_BYTES) return value
  return `sha256:${createHash('sha256').update(value).digest('hex')}`
}
