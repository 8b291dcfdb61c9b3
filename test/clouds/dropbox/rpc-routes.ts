// The routes of the API host: account, space, metadata, listings with cursors, folders, deletion.

import { z } from 'zod'
import { lookUp } from './namespace.ts'
import { conflict } from './refusals.ts'
import { metadataOf, rootInfo, type World } from './world.ts'

export type RpcRoute = {
  readonly operation: string
  readonly scope: string
  /** Null: the route takes no argument. */
  readonly schema: z.ZodType | null
  answer(world: World, arg: unknown, prefix: string): unknown
}

function route<T>(
  operation: string,
  scope: string,
  schema: z.ZodType<T>,
  answer: (world: World, arg: T, prefix: string) => unknown,
): RpcRoute {
  return {
    operation,
    scope,
    schema,
    answer: (world, arg, prefix) => answer(world, schema.parse(arg), prefix),
  }
}

const optional = z.unknown().optional()
const listSchema = z.strictObject({
  path: z.string(),
  recursive: z.boolean().optional(),
  limit: z.int().min(1).max(2000).optional(),
  include_deleted: z.boolean().optional(),
  include_media_info: optional,
  include_has_explicit_shared_members: optional,
  include_mounted_folders: optional,
  include_non_downloadable_files: optional,
  include_restorable_info: optional,
  include_property_groups: optional,
  shared_link: optional,
})
const cursorSchema = z.object({ entries: z.array(z.string()), at: z.int() })

function page(world: World, ids: readonly string[], at: number, size: number, prefix: string): unknown {
  const shown = ids.slice(at, at + size)
  const entries = shown.flatMap((id) => {
    const entry = world.namespace.byId(id)
    return entry ? [metadataOf(entry, prefix)] : []
  })
  const cursor = Buffer.from(JSON.stringify({ entries: ids, at: at + shown.length })).toString('base64url')
  return { entries, cursor, has_more: at + shown.length < ids.length }
}

/** The real one promises no order: this one is stable, but not by name or date. */
function scrambled(ids: readonly string[]): readonly string[] {
  return ids.toSorted((a, b) => (a.slice(5) < b.slice(5) ? -1 : 1))
}

function space(world: World): unknown {
  const used = world.namespace.used()
  const allocated = Math.min(world.namespace.quota, Number.MAX_SAFE_INTEGER)
  if (world.space === 'own') return { used, allocation: { '.tag': 'individual', allocated } }
  const allocation = {
    '.tag': 'team',
    used: used * 2,
    allocated: allocated,
    user_within_team_space_allocated: 0,
    user_within_team_space_limit_type: { '.tag': 'off' },
    user_within_team_space_used_cached: used,
  }
  return { used, allocation }
}

function account(world: World): unknown {
  return {
    account_id: 'dbid:AAAATestAccountOfTheEmulator',
    name: {
      given_name: 'Jane',
      surname: 'Doe',
      familiar_name: 'Jane',
      display_name: 'Jane Doe',
      abbreviated_name: 'JD',
    },
    email: 'jane.doe@example.com',
    email_verified: true,
    disabled: false,
    locale: 'en',
    referral_link: 'https://www.dropbox.com/referrals/test',
    is_paired: false,
    account_type: { '.tag': world.space === 'own' ? 'basic' : 'business' },
    root_info: rootInfo(world),
    country: 'DE',
  }
}

export const RPC_ROUTES: Readonly<Record<string, RpcRoute>> = {
  'users/get_current_account': {
    operation: 'account',
    scope: 'account_info.read',
    schema: null,
    answer: account,
  },
  'users/get_space_usage': { operation: 'space', scope: 'account_info.read', schema: null, answer: space },
  'check/user': route(
    'check_user',
    'account_info.read',
    z.object({ query: z.string().optional() }),
    (_, arg) => ({
      result: arg.query ?? '',
    }),
  ),
  'files/list_folder': route('list', 'files.metadata.read', listSchema, (world, arg, prefix) => {
    // The root is '', and '/' is refused, as the real one does.
    if (arg.path === '/') throw conflict('path/malformed_path')
    const folder = arg.path === '' && prefix === '' ? null : lookUp(world.namespace, arg.path, prefix)
    const isRoot = arg.path === '' && prefix === ''
    if (folder === null && !isRoot) throw conflict('path/not_found')
    if (folder?.kind === 'file') throw conflict('path/not_folder')
    const below = world.namespace.list(folder?.path ?? '', arg.recursive === true)
    const stale = world.faults?.takeOwn('list', 'stale_list')
    const hidden = typeof stale?.value === 'number' ? stale.value : 0
    const shown = hidden === 0 ? below : below.slice(0, -hidden)
    return page(
      world,
      scrambled(shown.map((entry) => entry.id)),
      0,
      Math.min(arg.limit ?? 2000, world.pageSize),
      prefix,
    )
  }),
  'files/list_folder/continue': route(
    'list_continue',
    'files.metadata.read',
    z.strictObject({ cursor: z.string().min(1) }),
    (world, arg, prefix) => {
      if (world.faults?.takeOwn('list_continue', 'cursor_reset')) throw conflict('reset')
      const cursor = cursorSchema.parse(JSON.parse(Buffer.from(arg.cursor, 'base64url').toString()))
      return page(world, cursor.entries, cursor.at, world.pageSize, prefix)
    },
  ),
  'files/get_metadata': route(
    'metadata',
    'files.metadata.read',
    z.strictObject({
      path: z.string(),
      include_media_info: optional,
      include_deleted: z.boolean().optional(),
      include_has_explicit_shared_members: optional,
      include_property_groups: optional,
    }),
    (world, arg, prefix) => {
      if (arg.path === '' || arg.path === '/') throw conflict('path/malformed_path')
      const entry = lookUp(world.namespace, arg.path, prefix)
      if (entry === null) throw conflict('path/not_found')
      const metadata = metadataOf(entry, prefix)
      if (world.faults?.takeOwn('metadata', 'omit_hash')) delete metadata.content_hash
      return metadata
    },
  ),
  'files/create_folder_v2': route(
    'create_folder',
    'files.content.write',
    z.strictObject({ path: z.string(), autorename: z.boolean().optional() }),
    (world, arg, prefix) => {
      if (!/^\/[^/]/.test(arg.path)) throw conflict('path/malformed_path')
      const standing = world.namespace.get(prefix + arg.path)
      if (standing) throw conflict(`path/conflict/${standing.kind}`)
      const made = world.namespace.makeFolder(prefix + arg.path)
      if ('refused' in made) throw conflict(`path/${made.refused}`)
      const { '.tag': _, ...metadata } = metadataOf(made, prefix)
      return { metadata }
    },
  ),
  'files/delete_v2': route(
    'delete',
    'files.content.write',
    z.strictObject({ path: z.string(), parent_rev: z.string().optional() }),
    (world, arg, prefix) => {
      const entry = lookUp(world.namespace, arg.path, prefix)
      if (entry === null) throw conflict('path_lookup/not_found')
      if (arg.parent_rev !== undefined && (entry.kind === 'folder' || entry.rev !== arg.parent_rev)) {
        throw conflict('path_write/conflict/file')
      }
      world.namespace.remove(entry.path)
      return { metadata: metadataOf(entry, prefix) }
    },
  ),
}
