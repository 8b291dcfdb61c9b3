// The calls themselves: those of the library and those with bytes get the token, the path root and the renewal of a token
// that was refused here, so that no other file knows of them.

import type { z } from 'zod'
import type { DropboxAnswer } from '../answers.ts'
import { type ContentCall, contentCall } from './content-call.ts'
import { type LibraryCall, libraryCall } from './library-call.ts'
import type { CallParts } from './parts.ts'
import { findTeamRoot, rootHeader, type TeamRoot } from './team-root.ts'

export interface DropboxConnection {
  /** Where paths begin in a team with a shared space; null for all other accounts. */
  teamRoot(signal: AbortSignal): Promise<TeamRoot | null>
  /** A call about the user: no path root. */
  userCall<T>(schema: z.ZodType<T>, call: LibraryCall, signal: AbortSignal): Promise<DropboxAnswer<T>>
  /** A call about files, through the library. */
  fileCall<T>(schema: z.ZodType<T>, call: LibraryCall, signal: AbortSignal): Promise<DropboxAnswer<T>>
  /** A call with bytes. */
  contentCall<T>(schema: z.ZodType<T>, call: ContentCall, signal: AbortSignal): Promise<DropboxAnswer<T>>
}

export function createDropboxConnection(parts: CallParts): DropboxConnection {
  /** Undefined until it was asked for. */
  let known: TeamRoot | null | undefined

  async function teamRoot(signal: AbortSignal): Promise<TeamRoot | null> {
    if (known === undefined) known = await findTeamRoot(parts, signal)
    return known
  }
  /** Repeats a call once when the team's space has another root by now. */
  async function rooted<T>(
    attempt: (headers: Record<string, string>) => Promise<DropboxAnswer<T>>,
    signal: AbortSignal,
  ): Promise<DropboxAnswer<T>> {
    const answer = await attempt(rootHeader(await teamRoot(signal)))
    if (answer.ok || answer.failure.status !== 422 || !answer.failure.reason.startsWith('invalid_root'))
      return answer
    known = undefined
    return attempt(rootHeader(await teamRoot(signal)))
  }
  return {
    teamRoot,
    userCall: (schema, call, signal) => libraryCall(parts, schema, {}, call, signal),
    fileCall: (schema, call, signal) =>
      rooted((headers) => libraryCall(parts, schema, headers, call, signal), signal),
    contentCall: (schema, call, signal) =>
      rooted((headers) => contentCall(parts, schema, headers, call, signal), signal),
  }
}
