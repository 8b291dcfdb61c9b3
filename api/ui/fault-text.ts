// Makes a sentence of what the API finds wrong with a field. The API's messages follow the name of the field ("name: must not be
// empty"), and on a page they stand alone.

import type { ApiProblem } from './api-call.ts'

/** 'must not be empty' → 'This must not be empty.'; what is a sentence already stays one. */
export function asSentence(message: string, subject = 'This'): string {
  const text = /^(is|has|must|may|cannot|can|needs) /.test(message)
    ? `${subject} ${message}`
    : message.charAt(0).toUpperCase() + message.slice(1)
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/**
 * Everything that is wrong at a path and below it; null when nothing is. `isFile`: the field holds a file, whose parts are
 * named.
 */
export function faultBelow(problem: ApiProblem | null, path: string, isFile = false): string | null {
  const found = (problem?.errors ?? []).filter((one) => one.path === path || one.path.startsWith(`${path}.`))
  const texts = found.map((one) => {
    const part = one.path.slice(path.length + 1)
    return asSentence(one.message, isFile && part !== '' ? `“${part}”` : 'This')
  })
  return texts.length === 0 ? null : [...new Set(texts)].join(' ')
}

/** What is wrong as a whole, for a place away from the fields. */
export function faultText({ detail, errors }: Pick<ApiProblem, 'detail' | 'errors'>): string {
  if (errors.length === 0) return detail
  return [...new Set(errors.map(({ path, message }) => asSentence(message, nameOf(path))))].join(' ')
}

/** 'settings.folder_id' → 'Folder ID'. */
function nameOf(path: string): string {
  const words = path.slice(path.lastIndexOf('.') + 1).split('_')
  const name = words.map((word) => ABBREVIATIONS[word] ?? word).join(' ')
  return name === '' ? 'This' : name.charAt(0).toUpperCase() + name.slice(1)
}

const ABBREVIATIONS: Readonly<Record<string, string>> = { id: 'ID', ids: 'IDs', json: 'JSON' }
