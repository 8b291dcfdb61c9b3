// How much room the account has. A member of a team shares the team's space, and may have a limit of its own.

import { spaceSchema } from './answers.ts'
import type { DropboxConnection } from './connection/connection.ts'
import { errorOf } from './errors.ts'

/** Bytes; total null where Dropbox states none. */
type DropboxSpace = { readonly used: number; readonly total: number | null }

export async function askSpace(connection: DropboxConnection, signal: AbortSignal): Promise<DropboxSpace> {
  const answer = await connection.userCall(
    spaceSchema,
    (client, options) => client.usersGetSpaceUsage(options),
    signal,
  )
  if (!answer.ok) throw errorOf(answer.failure)
  const { used, allocation } = answer.result
  const total = allocation.allocated ?? null
  if (allocation['.tag'] !== 'team') return { used, total }
  // 0 means no limit of the member's own; one of another kind than stop_sync only warns.
  const own = allocation.user_within_team_space_allocated ?? 0
  if (own > 0 && allocation.user_within_team_space_limit_type?.['.tag'] === 'stop_sync')
    return { used, total: own }
  return { used: allocation.used ?? used, total }
}
