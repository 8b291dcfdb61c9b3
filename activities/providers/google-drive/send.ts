// Sending the bytes: all that are missing in one streamed PUT. When it breaks, the session is asked what has arrived, and the
// rest is sent from there.

import type { HttpAnswer } from '../../http/client.ts'
import {
  type ArchiveSource,
  type ArrivedFile,
  ProviderError,
  type RemoteFile,
  type SendContext,
  type UploadSession,
  type UploadTarget,
} from '../provider.ts'
import { finishedFile, locateFile } from './finished-file.ts'
import { querySession } from './query-session.ts'
import {
  bearer,
  CONTENT_TYPE,
  errorOf,
  FINISH_TIMEOUT_MS,
  isGone,
  isSuccess,
  sessionExpired,
  sessionSchema,
  storedBytes,
} from './session.ts'
import type { UploadContext } from './upload-context.ts'

/** How often a token is renewed that was refused with the bytes, in one attempt: each refusal costs the time of sending. */
const MOST_RENEWALS = 2

/** Sends the bytes from `offset` to the end, and resolves with the finished file. */
export async function send(
  parts: UploadContext,
  target: UploadTarget,
  session: UploadSession,
  source: ArchiveSource,
  offset: number,
  context: SendContext,
): Promise<ArrivedFile> {
  const { signal } = context
  const known = sessionSchema.safeParse(session)
  if (!known.success) throw sessionExpired()
  const { uri, file_id: fileId } = known.data
  let at = offset
  let renewals = 0
  for (;;) {
    if (at < target.size) {
      const token = await parts.requests.token(signal)
      const answer = await put(parts, uri, source, { from: at, token }, context)
      if (answer.status === 308) {
        at = keptBytes(answer, at)
        context.onStored(at)
        continue
      }
      if (answer.status !== 401) return await fileOrThrow(parts, target, answer, fileId, signal)
      if (renewals >= MOST_RENEWALS) throw errorOf(answer)
      // The first request goes without a token: that Google wants one then is no refusal of a token.
      if (token !== null) renewals += 1
      parts.requests.refused(token)
    }
    const state = await querySession(parts, target, session, signal)
    if (state.kind === 'complete') return state.file
    if (state.kind === 'gone') throw sessionExpired()
    if (state.offset >= target.size) {
      throw new ProviderError(
        'provider_unavailable',
        'Google Drive has every byte, but has not put the file together yet.',
      )
    }
    at = state.offset
  }
}

function put(
  { http }: UploadContext,
  url: string,
  source: ArchiveSource,
  { from, token }: { readonly from: number; readonly token: string | null },
  context: SendContext,
): Promise<HttpAnswer> {
  return http.request({
    method: 'PUT',
    url,
    headers: {
      ...bearer(token),
      'Content-Type': CONTENT_TYPE,
      'Content-Range': `bytes ${from}-${source.size - 1}/${source.size}`,
    },
    body: source.read(from, source.size),
    contentLength: source.size - from,
    signal: context.signal,
    onSent: context.onSent,
    answerTimeoutMs: FINISH_TIMEOUT_MS,
  })
}

/** Where Drive wants the next byte: it may keep less than was sent. Throws where it kept nothing. */
function keptBytes(answer: HttpAnswer, from: number): number {
  const stored = storedBytes(answer)
  if (stored > from) return stored
  throw new ProviderError('provider_unavailable', 'Google Drive kept nothing of what was sent.')
}

/** The file that the last answer means; throws what it means otherwise. */
async function fileOrThrow(
  parts: UploadContext,
  target: UploadTarget,
  answer: HttpAnswer,
  fileId: string | null,
  signal: AbortSignal,
): Promise<RemoteFile> {
  if (isSuccess(answer)) return finishedFile(parts, target, answer, fileId, signal)
  if (!isGone(answer)) throw errorOf(answer)
  const file = await locateFile(parts, target, fileId, signal)
  if (file !== null) return file
  throw sessionExpired(answer.status)
}
