// Where the paths of an account begin: in a team with a shared space, at its root.

import { z } from 'zod'
import { accountSchema, type DropboxAccount } from '../answers.ts'
import { errorOf } from '../errors.ts'
import { libraryCall } from './library-call.ts'
import type { CallParts } from './parts.ts'

export type TeamRoot = {
  readonly namespace: string
  /** The member's own folder in the team's space. */
  readonly homePath: string | null
}

/**
 * The root that paths begin at. Apps that see only their own folder may not choose one, which only a call can tell:
 * it is tried once, so that all paths of this account mean the same from the first call on.
 */
export async function findTeamRoot(parts: CallParts, signal: AbortSignal): Promise<TeamRoot | null> {
  const { root_info } = await askAccount(parts, signal)
  if (root_info.root_namespace_id === root_info.home_namespace_id) return null
  const found = { namespace: root_info.root_namespace_id, homePath: root_info.home_path ?? null }
  const answer = await libraryCall(
    parts,
    z.unknown(),
    rootHeader(found),
    (client, options) => client.filesListFolder({ path: '', limit: 1 }, options),
    signal,
  )
  if (answer.ok) return found
  const { status, reason } = answer.failure
  if (status === 422 && reason.startsWith('no_permission')) return null
  throw errorOf(answer.failure)
}

async function askAccount(parts: CallParts, signal: AbortSignal): Promise<DropboxAccount> {
  const answer = await libraryCall(
    parts,
    accountSchema,
    {},
    (client, options) => client.usersGetCurrentAccount(options),
    signal,
  )
  if (!answer.ok) throw errorOf(answer.failure)
  return answer.result
}

export function rootHeader(root: TeamRoot | null): Record<string, string> {
  return root === null
    ? {}
    : { 'Dropbox-API-Path-Root': JSON.stringify({ '.tag': 'root', root: root.namespace }) }
}
