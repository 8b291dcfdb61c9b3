// Asking a session how far it came.

import type { SessionState, UploadSession, UploadTarget } from '../provider.ts'
import { finishedFile, locateFile } from './finished-file.ts'
import { errorOf, isGone, isSuccess, sessionSchema, storedBytes } from './session.ts'
import type { UploadContext } from './upload-context.ts'

/** How far the session came. `complete` also when the answer to the last byte was lost. */
export async function querySession(
  parts: UploadContext,
  target: UploadTarget,
  session: UploadSession,
  signal: AbortSignal,
): Promise<SessionState> {
  const known = sessionSchema.safeParse(session)
  if (!known.success) return { kind: 'gone' }
  const { uri, file_id: fileId } = known.data
  const answer = await parts.requests.status(uri, target.size, signal)
  if (answer.status === 308) return { kind: 'open', offset: storedBytes(answer) }
  if (isSuccess(answer))
    return { kind: 'complete', file: await finishedFile(parts, target, answer, fileId, signal) }
  // Whatever else is refused to a session, it cannot be gone on with (docs/providers.md, 1.3).
  if (!isGone(answer) && errorOf(answer).code !== 'request_refused') throw errorOf(answer)
  const file = await locateFile(parts, target, fileId, signal)
  return file === null ? { kind: 'gone' } : { kind: 'complete', file }
}
