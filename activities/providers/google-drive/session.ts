// The requests of a resumable session (docs/providers.md, 1.3): open, ask, give up. The session's address is a credential of
// its own: it is kept only in the sealed session, and requests to it carry a token only after Google has asked for one.

import { z } from 'zod'
import type { HttpAnswer, HttpClient } from '../../http/client.ts'
import { ProviderError, type UploadTarget } from '../provider.ts'
import { withRenewal } from '../token-renewal.ts'
import type { GoogleAuth } from './auth.ts'
import { driveError } from './errors.ts'
import { FILE_FIELDS } from './files.ts'
import { marksOf } from './names.ts'

/** Google may take minutes to put a big file together after its last byte. */
export const FINISH_TIMEOUT_MS = 10 * 60_000
export const CONTENT_TYPE = 'application/octet-stream'

/** What is sealed: the address, and the ID that the file will have (null where Drive chooses it). */
export const sessionSchema = z.object({ uri: z.url({ protocol: /^https$/ }), file_id: z.string().nullable() })

export interface SessionRequests {
  start(target: UploadTarget, fileId: string | null, signal: AbortSignal): Promise<HttpAnswer>
  /** Asks how far the session came: 308, or 200 and the file. */
  status(uri: string, size: number, signal: AbortSignal): Promise<HttpAnswer>
  giveUp(uri: string, signal: AbortSignal): Promise<HttpAnswer>
  /** The token to send bytes with; null while the address is enough. */
  token(signal: AbortSignal): Promise<string | null>
  /** After a 401: from now on requests carry a token, and not this one. */
  refused(token: string | null): void
}

export function createSessionRequests(deps: {
  readonly auth: GoogleAuth
  readonly http: HttpClient
  readonly apiRoot: string
}): SessionRequests {
  const { auth, http, apiRoot } = deps
  let needsToken = false
  const token = async (signal: AbortSignal) => (needsToken ? await auth.token(signal) : null)
  const refused = (bad: string | null) => {
    if (bad !== null) auth.refuse(bad)
    needsToken = true
  }

  const ask = async (
    request: (headers: Record<string, string>) => Promise<HttpAnswer>,
    signal: AbortSignal,
  ) => {
    if (!needsToken) {
      const answer = await request({})
      if (answer.status !== 401) return answer
      needsToken = true
    }
    return withRenewal(auth.tokens, (fresh) => request(bearer(fresh)), isRefused, signal)
  }

  return {
    token,
    refused,
    start: async (target, fileId, signal) => {
      const metadata = {
        id: fileId ?? undefined,
        name: target.name,
        parents: [target.folder.id],
        mimeType: CONTENT_TYPE,
        appProperties: marksOf(target),
      }
      const fields = encodeURIComponent(FILE_FIELDS)
      const post = (authorized: string) =>
        http.request({
          method: 'POST',
          url: `${apiRoot}/upload/drive/v3/files?uploadType=resumable&supportsAllDrives=true&fields=${fields}`,
          headers: {
            ...bearer(authorized),
            'Content-Type': 'application/json; charset=UTF-8',
            'X-Upload-Content-Type': CONTENT_TYPE,
            'X-Upload-Content-Length': String(target.size),
          },
          body: JSON.stringify(metadata),
          signal,
        })
      return withRenewal(auth.tokens, post, isRefused, signal)
    },
    status: (uri, size, signal) =>
      ask(
        (headers) =>
          http.request({
            method: 'PUT',
            url: uri,
            headers: { ...headers, 'Content-Range': `bytes */${size}` },
            signal,
            answerTimeoutMs: FINISH_TIMEOUT_MS,
          }),
        signal,
      ),
    giveUp: (uri, signal) =>
      ask((headers) => http.request({ method: 'DELETE', url: uri, headers, signal }), signal),
  }
}

function isRefused({ status }: HttpAnswer): boolean {
  return status === 401
}

/** The next byte that Drive wants: `Range: bytes=0-K` names the last one it has, no Range that it has none. */
export function storedBytes(answer: HttpAnswer): number {
  const range = answer.headers.range
  if (range === undefined) return 0
  const last = /^bytes=0-(\d{1,15})$/.exec(range)?.[1]
  if (last === undefined)
    throw new ProviderError('unexpected_answer', 'Google Drive names an unknown range of bytes.')
  return Number(last) + 1
}

export function isSuccess({ status }: HttpAnswer): boolean {
  return status === 200 || status === 201
}

export function bearer(token: string | null): Record<string, string> {
  return token === null ? {} : { Authorization: `Bearer ${token}` }
}

export function errorOf(answer: HttpAnswer): ProviderError {
  const body = answer.body.toString('utf8', 0, 64 * 1024)
  return driveError({ status: answer.status, body, retryAfter: answer.headers['retry-after'] })
}

/** The session is not there any more, or the file already is. */
export function isGone({ status }: HttpAnswer): boolean {
  return status === 404 || status === 410 || status === 409
}

export function sessionExpired(httpStatus?: number): ProviderError {
  return new ProviderError('session_expired', 'Google Drive has forgotten the upload session.', {
    httpStatus,
  })
}
