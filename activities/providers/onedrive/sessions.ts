// Upload sessions (docs/providers.md, 3.2): opening, asking and giving up one, and telling after a lost answer whether the
// file is there.

import type { ArrivedFile, RemoteFile, SessionState, UploadSession, UploadTarget } from '../provider.ts'
import { graphError } from './errors.ts'
import { finishedFile, giveFinalName, removeUnnamed } from './finished-file.ts'
import { USER_AGENT } from './graph.ts'
import { checkUploadUrl } from './hosts.ts'
import type { Item } from './items.ts'
import { openSession } from './open-session.ts'
import { querySession } from './query-session.ts'
import { type GraphSession, readSession } from './session.ts'
import type { SessionParts } from './session-parts.ts'

export interface Sessions {
  open(driveId: string, target: UploadTarget, isSingle: boolean, signal: AbortSignal): Promise<UploadSession>
  query(target: UploadTarget, session: GraphSession, signal: AbortSignal): Promise<SessionState>
  /** The file of this session, where it seems to be there whole. Gives it the final name where it has another one. */
  finished(size: number, session: GraphSession, signal: AbortSignal): Promise<ArrivedFile | null>
  /** Gives the final name to a file that was uploaded under another one. */
  giveFinalName(session: GraphSession, item: Item, signal: AbortSignal): Promise<RemoteFile>
  abort(session: UploadSession, signal: AbortSignal): Promise<void>
}

export function createSessions(parts: SessionParts): Sessions {
  return {
    open: (driveId, target, isSingle, signal) => openSession(parts, driveId, target, isSingle, signal),
    query: (target, session, signal) => querySession(parts, target, session, signal),
    finished: (size, session, signal) => finishedFile(parts, size, session, signal),
    giveFinalName: (session, item, signal) => giveFinalName(parts, session, item, signal),
    abort: (session, signal) => abortSession(parts, session, signal),
  }
}

async function abortSession(parts: SessionParts, saved: UploadSession, signal: AbortSignal): Promise<void> {
  const session = readSession(saved)
  if (session === null || session.kind === 'single') return
  checkUploadUrl(session.upload_url, parts.graphRoot)
  const answer = await parts.http.request({
    method: 'DELETE',
    url: session.upload_url,
    headers: { 'User-Agent': USER_AGENT },
    signal,
  })
  if (answer.status >= 300) {
    const error = graphError(answer, 'session', parts.now())
    if (error.code !== 'session_expired') throw error
  }
  await removeUnnamed(parts, session, signal)
}
