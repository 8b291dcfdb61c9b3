// Dropbox's ways of saying no: 409 with a tagged union, 401/403/422 with their own unions, 429, and plain text for
// requests that make no sense.

import type { CloudAnswer } from '../cloud-server.ts'

/** Thrown anywhere below a route; the emulator sends its answer. */
export class Refusal extends Error {
  readonly answer: CloudAnswer

  constructor(answer: CloudAnswer) {
    super(`refused with ${answer.status}`)
    this.answer = answer
  }
}

/** 'path/conflict/file' → {'.tag': 'path', path: {'.tag': 'conflict', conflict: {'.tag': 'file'}}} */
export function union(tags: string, leaf: Record<string, unknown> = {}): Record<string, unknown> {
  const [tag = 'other', ...rest] = tags.split('/')
  return rest.length === 0 ? { '.tag': tag, ...leaf } : { '.tag': tag, [tag]: union(rest.join('/'), leaf) }
}

export function tagged(status: number, tags: string, leaf: Record<string, unknown> = {}): Refusal {
  return new Refusal({ status, body: { error_summary: `${tags}/...`, error: union(tags, leaf) } })
}

export function conflict(tags: string, leaf: Record<string, unknown> = {}): Refusal {
  return tagged(409, tags, leaf)
}

/** files/upload wraps write errors in UploadWriteFailed. */
export function writeFailed(tags: string, sessionId: string): Refusal {
  const error = { '.tag': 'path', reason: union(tags), upload_session_id: sessionId }
  return new Refusal({ status: 409, body: { error_summary: `path/${tags}/..`, error } })
}

export function badRequest(route: string, text: string): Refusal {
  return new Refusal({ status: 400, body: `Error in call to API function "${route}": ${text}` })
}

export function oauthRefusal(error: string, description: string): Refusal {
  return new Refusal({ status: 400, body: { error, error_description: description } })
}

/** The body for a plain status fault. */
export function bodyOfStatus(status: number): unknown {
  if (status === 429) {
    return {
      error_summary: 'too_many_requests/..',
      error: { reason: { '.tag': 'too_many_requests' }, retry_after: 1 },
    }
  }
  if (status === 401)
    return { error_summary: 'expired_access_token/..', error: { '.tag': 'expired_access_token' } }
  if (status === 403) return { error_summary: 'other/..', error: { '.tag': 'other' } }
  if (status === 409) return { error_summary: 'other/..', error: { '.tag': 'other' } }
  return '<!DOCTYPE html><title>Dropbox - Error</title>'
}
