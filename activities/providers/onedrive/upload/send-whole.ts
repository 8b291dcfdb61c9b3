// A small file in one request.

import type { ArchiveSource, ArrivedFile, SendContext, UploadTarget } from '../../provider.ts'
import { readFile } from '../items.ts'
import { urlSegment } from '../names.ts'
import type { GraphSession } from '../session.ts'
import type { UploadDeps } from './deps.ts'
import { fileAfterConflict } from './name-conflict.ts'

export async function sendWhole(
  deps: UploadDeps,
  target: UploadTarget,
  session: GraphSession,
  source: ArchiveSource,
  context: SendContext,
): Promise<ArrivedFile> {
  const folder = `/drives/${urlSegment(session.drive_id)}/items/${urlSegment(session.folder_id)}`
  const answer = await deps.graph.call({
    method: 'PUT',
    path: `${folder}:/${urlSegment(session.name)}:/content?@microsoft.graph.conflictBehavior=fail`,
    subject: 'folder',
    signal: context.signal,
    stream: {
      bytes: source.size,
      open: () => source.read(0, source.size),
      onSent: (bytes) => context.onSent(bytes),
    },
    accept: [409],
  })
  if (answer.status === 409) return await fileAfterConflict(deps, target, session, answer, context)
  const file = readFile(answer)
  context.onStored(source.size)
  return file
}
