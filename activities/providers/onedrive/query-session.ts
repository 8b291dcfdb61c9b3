// Asking an upload session how far it came. Its address is asked without a token: Graph refuses one there.

import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import type { HttpAnswer } from '../../http/client.ts'
import { ProviderError, type SessionState, type UploadTarget } from '../provider.ts'
import { graphError } from './errors.ts'
import { finishedFile } from './finished-file.ts'
import { read, USER_AGENT } from './graph.ts'
import { checkUploadUrl } from './hosts.ts'
import type { GraphSession } from './session.ts'
import type { SessionParts } from './session-parts.ts'

/** A 404 of an upload URL may pass (eventual consistency): asked this often before the session counts as gone. */
const LOOKUPS = 3

const rangesSchema = z.object({ nextExpectedRanges: z.array(z.string()).optional() })

/** Asks how far the session came. Throws `upload_unverified` while all bytes are there and the file is not shown yet. */
export async function querySession(
  parts: SessionParts,
  target: UploadTarget,
  session: GraphSession,
  signal: AbortSignal,
): Promise<SessionState> {
  if (session.kind === 'single') {
    const file = await finishedFile(parts, target.size, session, signal)
    return file === null ? { kind: 'open', offset: 0 } : { kind: 'complete', file }
  }
  checkUploadUrl(session.upload_url, parts.graphRoot)
  for (let lookup = 1; ; lookup += 1) {
    const answer = await parts.http.request({
      method: 'GET',
      url: session.upload_url,
      headers: { Accept: 'application/json', 'User-Agent': USER_AGENT },
      signal,
    })
    const offset = answer.status === 200 ? nextOffset(answer, target.size) : undefined
    if (offset !== undefined && offset < target.size) return { kind: 'open', offset }
    const file = await finishedFile(parts, target.size, session, signal)
    if (file !== null) return { kind: 'complete', file }
    if (answer.status === 200) {
      throw new ProviderError('upload_unverified', 'OneDrive has all bytes but does not show the file yet.')
    }
    const error = graphError(answer, 'session', parts.now())
    if (error.code !== 'session_expired') throw error
    // An expired token in the address never heals; a 404 may.
    if (answer.status !== 404 || lookup === LOOKUPS) return { kind: 'gone' }
    await pause(parts.lookupPauseMs, undefined, { signal })
  }
}

/** The first byte that the provider lacks; undefined where it lacks none, or does not say. */
export function nextOffset(answer: HttpAnswer, size: number): number | undefined {
  const ranges = read(rangesSchema, answer).nextExpectedRanges ?? []
  const starts = ranges.map((range) => Number(/^(\d+)-/.exec(range)?.[1] ?? Number.NaN))
  if (starts.some(Number.isNaN)) {
    throw new ProviderError('unexpected_answer', 'OneDrive names byte ranges of an unknown form.')
  }
  // Several ranges may come, in any order and not all of them: the lowest start is surely lacking.
  return starts.length === 0 ? undefined : Math.min(...starts, size)
}
