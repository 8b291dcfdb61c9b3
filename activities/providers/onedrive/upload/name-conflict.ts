// What a 409 means that answers the bytes of a file.

import type { HttpAnswer } from '../../../http/client.ts'
import { type ArrivedFile, ProviderError, type SendContext, type UploadTarget } from '../../provider.ts'
import { graphError } from '../errors.ts'
import type { GraphSession } from '../session.ts'
import type { UploadDeps } from './deps.ts'

/** 409 at the last byte: the file may be ours (an answer was lost), or another one has taken the name. */
export async function fileAfterConflict(
  deps: UploadDeps,
  target: UploadTarget,
  session: GraphSession,
  answer: HttpAnswer,
  context: SendContext,
): Promise<ArrivedFile> {
  const file = await deps.sessions.finished(target.size, session, context.signal)
  if (file !== null) {
    context.onStored(target.size)
    return file
  }
  if (session.kind === 'single') {
    const holder = await deps.items.byName(session.drive_id, session.folder_id, session.name, context.signal)
    if (holder === null)
      throw new ProviderError('file_locked', 'An earlier upload still holds the name.', {
        advice: 'Wait; the file gets the name when that upload expires.',
      })
  }
  // OneDrive keeps a session whose name is taken; it would block the name until it expires.
  await deps.sessions.abort(session, context.signal)
  throw graphError(answer, 'file', deps.now())
}
