// One emulated account with everything that its routes work on, and how entries look on the wire.

import type { Faults } from '../faults.ts'
import type { Entry, FileEntry, Namespace } from './namespace.ts'
import { type Refusal, tagged } from './refusals.ts'
import type { SignIn } from './sign-in.ts'
import type { UploadSessions } from './upload-sessions.ts'

export const HOME_NAMESPACE = '1000'
export const ROOT_NAMESPACE = '2000'
/** The member's own folder in the space of the team. */
export const HOME_PATH = '/Jane Doe'
export const TEAM_FOLDER = '/Team Backups'

export type World = {
  readonly namespace: Namespace
  readonly sessions: UploadSessions
  readonly signIn: SignIn
  readonly pageSize: number
  readonly keepContent: boolean
  readonly space: 'own' | 'team' | 'team_app_folder'
  /** A commit takes this long, and other writes meanwhile are refused. */
  readonly commitMs: number
  readonly refinish: 'metadata' | 'not_found' | 'closed'
  readonly now: () => number
  /** Set when the server runs. */
  faults: Faults | null
}

/** Where the paths of a call begin: '' or the member's home; throws the path-root refusals. */
export function prefixOf(world: World, header: string | undefined): string {
  if (header === undefined) return world.space === 'own' ? '' : HOME_PATH
  const wanted: unknown = JSON.parse(header)
  const root = typeof wanted === 'object' && wanted !== null && 'root' in wanted ? wanted.root : undefined
  if (world.space === 'team_app_folder') throw tagged(422, 'no_permission')
  if (world.space === 'own' && root === HOME_NAMESPACE) return ''
  if (world.space === 'own' || root !== ROOT_NAMESPACE) throw invalidRoot(world)
  return ''
}

function invalidRoot(world: World): Refusal {
  return tagged(422, 'invalid_root', { invalid_root: rootInfo(world) })
}

export function rootInfo(world: World): Record<string, unknown> {
  if (world.space === 'own') {
    return { '.tag': 'user', root_namespace_id: HOME_NAMESPACE, home_namespace_id: HOME_NAMESPACE }
  }
  return {
    '.tag': 'team',
    root_namespace_id: ROOT_NAMESPACE,
    home_namespace_id: HOME_NAMESPACE,
    home_path: HOME_PATH,
  }
}

export function metadataOf(entry: Entry, prefix: string): Record<string, unknown> {
  const path = entry.path.slice(prefix.length)
  const common = {
    '.tag': entry.kind,
    name: path.slice(path.lastIndexOf('/') + 1),
    path_lower: path.toLowerCase(),
    path_display: path,
    id: entry.id,
  }
  return entry.kind === 'folder' ? common : { ...common, ...fileFields(entry) }
}

function fileFields(file: FileEntry): Record<string, unknown> {
  return {
    client_modified: file.clientModified,
    server_modified: file.serverModified,
    rev: file.rev,
    size: file.content.size,
    is_downloadable: true,
    content_hash: file.content.hash,
  }
}

/** FileMetadata as upload and finish give it: without a tag. */
export function fileMetadata(file: FileEntry, prefix: string): Record<string, unknown> {
  const { '.tag': _, ...fields } = metadataOf(file, prefix)
  return fields
}
