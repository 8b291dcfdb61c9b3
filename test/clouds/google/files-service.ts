// The JSON calls of Drive v3: about, drives, files (list, get, create, update, delete, generateIds). Flags for shared
// drives are enforced; partial responses too, so that nobody gets a field that was not asked for.

import { z } from 'zod'
import type { CloudAnswer } from '../cloud-server.ts'
import type { Faults } from '../faults.ts'
import { notFound, type Refusal, refuse } from './drive-error.ts'
import { type DriveItem, type DriveWorld, FOLDER_TYPE, type ItemContent } from './drive-world.ts'
import { applyFields } from './fields.ts'
import { parseQuery } from './query.ts'

const UNASKED_FILE = 'kind,id,name,mimeType,driveId,teamDriveId'
const UNASKED_LIST = `kind,nextPageToken,incompleteSearch,files(${UNASKED_FILE})`
/** Limits of private properties: 30 per file, 124 bytes of key and value together. */
const MAX_PROPERTIES = 30
const MAX_PROPERTY_BYTES = 124

const metadataSchema = z.object({
  id: z.string().optional(),
  name: z.string().optional(),
  mimeType: z.string().optional(),
  parents: z.array(z.string()).length(1).optional(),
  appProperties: z.record(z.string(), z.string()).optional(),
  modifiedTime: z.iso.datetime({ offset: true }).optional(),
  createdTime: z.iso.datetime({ offset: true }).optional(),
  trashed: z.boolean().optional(),
})
export type Metadata = z.infer<typeof metadataSchema>

export type FilesOptions = {
  readonly serviceAccount: string
  readonly pageSize: number
  readonly now: () => number
  readonly isDriveMember: boolean
  /** Whether IDs of generateIds may be used in shared drives. */
  readonly takesIdsInSharedDrives: boolean
  /** Reason that Drive gives with its 409 for an ID in use. */
  readonly idInUseReason: string
  readonly faults: () => Faults
}

export type Call = { readonly account: string; readonly query: URLSearchParams }
export type PlannedFile = { readonly id: string; readonly name: string; readonly mimeType: string } & {
  readonly parent: DriveItem
  readonly metadata: Metadata
  readonly createdTime: string
}

export interface FilesService {
  about(call: Call): CloudAnswer
  drive(call: Call, id: string): CloudAnswer
  drives(call: Call): CloudAnswer
  generateIds(call: Call): CloudAnswer
  list(call: Call): CloudAnswer
  get(call: Call, id: string): CloudAnswer
  create(call: Call, body: unknown): CloudAnswer
  update(call: Call, id: string, body: unknown): CloudAnswer
  remove(call: Call, id: string): CloudAnswer
  /** Checks a creation without carrying it out. */
  plan(call: Call, body: unknown, size: number): PlannedFile
  put(call: Call, planned: PlannedFile, content: ItemContent | null): DriveItem
  replace(item: DriveItem, content: ItemContent): DriveItem
  answer(item: DriveItem, call: Call): CloudAnswer
}

export function createFilesService(world: DriveWorld, options: FilesOptions): FilesService {
  const allDrives = ({ query }: Call) =>
    query.get('supportsAllDrives') === 'true' || query.get('supportsTeamDrives') === 'true'
  const allItems = ({ query }: Call) =>
    query.get('includeItemsFromAllDrives') === 'true' || query.get('includeTeamDriveItems') === 'true'
  const find = (call: Call, id: string) => world.visible(id, call.account, allDrives(call))
  const pages = new Map<string, readonly DriveItem[]>()

  const resource = (item: DriveItem, account: string) => {
    const { content } = item
    const hidesSha = content !== null && options.faults().takeOwn('get', 'omit_sha256') !== undefined
    return {
      ...{ kind: 'drive#file', id: item.id, name: item.name, mimeType: item.mimeType, parents: item.parents },
      ...{ createdTime: item.createdTime, modifiedTime: item.modifiedTime, version: String(item.version) },
      ...{ trashed: world.isTrashed(item), explicitlyTrashed: item.isTrashed },
      ...(item.driveId === null
        ? { ownedByMe: item.owner === account }
        : { driveId: item.driveId, teamDriveId: item.driveId }),
      ...(content === null
        ? {}
        : {
            size: String(content.size),
            md5Checksum: content.md5,
            ...(hidesSha ? {} : { sha256Checksum: content.sha256 }),
            headRevisionId: content.headRevisionId,
          }),
      ...(Object.keys(item.appProperties).length > 0 ? { appProperties: item.appProperties } : {}),
      capabilities: world.capabilities(item, account),
    }
  }
  const answer = (item: DriveItem, call: Call): CloudAnswer => ({
    status: 200,
    body: masked(resource(item, call.account), call, UNASKED_FILE),
  })

  const service: FilesService = {
    about: (call) => {
      if (call.query.get('fields') === null) {
        throw refuse(400, 'required', "The 'fields' parameter is required for this method.")
      }
      const used = String(world.usedBytes(null))
      const quota =
        call.account === options.serviceAccount
          ? { limit: '0', usage: '0' }
          : { limit: '16106127360', usage: used }
      const about = {
        kind: 'drive#about',
        user: { kind: 'drive#user', emailAddress: call.account, displayName: call.account, me: true },
        storageQuota: { ...quota, usageInDrive: quota.usage, usageInDriveTrash: '0' },
      }
      return { status: 200, body: masked(about, call, '*') }
    },
    drives: (call) => {
      const drives = options.isDriveMember
        ? [{ kind: 'drive#drive', id: world.driveId, name: 'Backups drive' }]
        : []
      return { status: 200, body: masked({ kind: 'drive#driveList', drives }, call, '*') }
    },
    drive: (call, id) => {
      if (id !== world.driveId || !isMember(call))
        throw refuse(404, 'notFound', `Shared drive not found: ${id}`)
      return { status: 200, body: masked({ kind: 'drive#drive', id, name: 'Backups drive' }, call, '*') }
    },
    generateIds: ({ query }) => {
      const count = Number(query.get('count') ?? '10')
      if (!Number.isInteger(count) || count < 1 || count > 1000)
        throw refuse(400, 'invalidParameter', 'Invalid value')
      const ids = Array.from({ length: count }, () => world.newId())
      return { status: 200, body: { kind: 'drive#generatedIds', space: query.get('space') ?? 'drive', ids } }
    },
    list: (call) => {
      if (options.faults().takeOwn('list', 'incomplete_search')) {
        return {
          status: 200,
          body: masked({ kind: 'drive#fileList', incompleteSearch: true, files: [] }, call, UNASKED_LIST),
        }
      }
      const pageToken = call.query.get('pageToken')
      const found = pageToken === null ? search(call) : pages.get(pageToken)
      if (found === undefined) throw refuse(400, 'invalid', 'Invalid Value')
      const asked = Number(call.query.get('pageSize') ?? '100')
      if (!Number.isInteger(asked) || asked < 1 || asked > 1000)
        throw refuse(400, 'invalidParameter', 'Invalid value')
      const isEmptyPage = options.faults().takeOwn('list', 'empty_page') !== undefined
      const size = isEmptyPage ? 0 : Math.min(asked, options.pageSize)
      const rest = found.slice(size)
      let nextPageToken: string | undefined
      if (rest.length > 0) {
        nextPageToken = `~!!~${world.newId()}`
        pages.set(nextPageToken, rest)
      }
      const files = found.slice(0, size).map((item) => resource(item, call.account))
      const page = { kind: 'drive#fileList', nextPageToken, incompleteSearch: false, files }
      return { status: 200, body: masked(page, call, UNASKED_LIST) }
    },
    get: (call, id) => {
      if (call.query.get('alt') !== 'media') return answer(find(call, id), call)
      // Downloads need no flag for shared drives.
      const { content } = world.visible(id, call.account, true)
      if (content?.bytes == null)
        throw refuse(403, 'fileNotDownloadable', 'Only files with binary content can be downloaded.')
      return { status: 200, body: content.bytes }
    },
    create: (call, body) => {
      const planned = service.plan(call, body, 0)
      return answer(
        service.put(call, planned, planned.mimeType === FOLDER_TYPE ? null : emptyContent()),
        call,
      )
    },
    update: (call, id, body) => {
      const item = find(call, id)
      const metadata = parseMetadata(body)
      const may = world.capabilities(item, call.account)
      const isAllowed = metadata.trashed === undefined ? may.canEdit : may.canTrash
      if (!isAllowed) throw insufficient()
      if (metadata.trashed !== undefined) item.isTrashed = metadata.trashed
      if (metadata.name !== undefined) item.name = metadata.name
      item.modifiedTime = metadata.modifiedTime ?? item.modifiedTime
      item.version += 1
      return answer(item, call)
    },
    remove: (call, id) => {
      const item = find(call, id)
      if (!world.capabilities(item, call.account).canDelete) throw insufficient()
      world.remove(id)
      return { status: 204 }
    },
    plan: (call, body, size) => {
      const metadata = parseMetadata(body)
      const parentId = metadata.parents?.[0] ?? 'root'
      const parent = find(call, parentId)
      if (parent.mimeType !== FOLDER_TYPE)
        throw refuse(403, 'parentNotAFolder', 'The specified parent is not a folder.')
      checkProperties(metadata.appProperties ?? {})
      const id = metadata.id ?? world.newId()
      if (metadata.id !== undefined) {
        const isRefused = parent.driveId !== null && !options.takesIdsInSharedDrives
        if (!world.isOwnId(id) || isRefused)
          throw refuse(400, 'invalid', 'The provided file ID is not usable.')
        if (world.items.has(id)) throw idInUse(options.idInUseReason)
      }
      world.admit(parent, call.account, size)
      return {
        ...{ id, parent, metadata, name: metadata.name ?? 'Untitled' },
        mimeType: metadata.mimeType ?? 'application/octet-stream',
        createdTime: metadata.createdTime ?? new Date(options.now()).toISOString(),
      }
    },
    put: (call, planned, content) => {
      if (world.items.has(planned.id)) throw idInUse(options.idInUseReason)
      const { id, name, mimeType, parent, createdTime, metadata } = planned
      return world.add({
        ...{ id, name, mimeType, createdTime, content, parents: [parent.id], driveId: parent.driveId },
        owner: call.account,
        appProperties: metadata.appProperties ?? {},
      })
    },
    replace: (item, content) => {
      item.content = content
      item.modifiedTime = new Date(options.now()).toISOString()
      item.version += 1
      return item
    },
    answer,
  }

  const isMember = ({ account }: Call) => options.isDriveMember || account !== options.serviceAccount

  const search = (call: Call): readonly DriveItem[] => {
    const { query, account } = call
    if (allItems(call) && !allDrives(call)) {
      throw refuse(403, 'teamDrivesParametersRequired', 'includeItemsFromAllDrives needs supportsAllDrives.')
    }
    const driveId = query.get('driveId') ?? query.get('teamDriveId')
    const corpora = query.get('corpora') ?? 'user'
    if ((corpora === 'drive' || corpora === 'teamDrive') !== (driveId !== null)) {
      throw refuse(400, 'invalidParameter', 'corpora=drive and driveId go together.')
    }
    if (driveId !== null && (driveId !== world.driveId || !isMember(call))) {
      throw refuse(404, 'notFound', `Shared drive not found: ${driveId}`)
    }
    const parsed = parse(query.get('q') ?? '')
    for (const parent of parsed.parents) {
      const folder = world.items.get(parent)
      if (parent !== 'root' && (folder === undefined || !world.sees(folder, account))) throw notFound('')
    }
    // A search index lags: files of the last hour may be missing in it.
    const staleMs = options.faults().takeOwn('list', 'stale_list')
    const newest = staleMs === undefined ? Infinity : options.now() - Number(staleMs.value ?? 3_600_000)
    return [...world.items.values()].filter(
      (item) =>
        world.sees(item, account) &&
        (item.driveId === null || allItems(call)) &&
        (driveId === null || item.driveId === driveId) &&
        Date.parse(item.createdTime) <= newest &&
        parsed.matches({ item, isTrashed: world.isTrashed(item), seesAppProperties: true }),
    )
  }
  return service
}

function parse(text: string): ReturnType<typeof parseQuery> {
  try {
    return text === '' ? { matches: () => true, parents: [] } : parseQuery(text)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw refuse(400, 'invalid', 'Invalid Value')
  }
}

function masked(value: unknown, { query }: Call, unasked: string): unknown {
  try {
    return applyFields(value, query.get('fields'), unasked)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw refuse(400, 'invalidParameter', 'Invalid field selection')
  }
}

function parseMetadata(body: unknown): Metadata {
  const parsed = metadataSchema.safeParse(body)
  if (!parsed.success) throw refuse(400, 'badRequest', 'Invalid JSON payload received.')
  return parsed.data
}

function checkProperties(properties: Readonly<Record<string, string>>): void {
  const entries = Object.entries(properties)
  if (entries.length > MAX_PROPERTIES) throw refuse(403, 'propertyLimitExceeded', 'Too many properties.')
  const isLong = entries.some(([key, value]) => Buffer.byteLength(key + value) > MAX_PROPERTY_BYTES)
  if (isLong) throw refuse(403, 'propertyLimitExceeded', 'A property is longer than 124 bytes.')
}

function emptyContent(): ItemContent {
  return {
    ...{ size: 0, headRevisionId: '0B0', bytes: Buffer.alloc(0), md5: 'd41d8cd98f00b204e9800998ecf8427e' },
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  }
}

function insufficient(): Refusal {
  return refuse(
    403,
    'insufficientFilePermissions',
    'The user does not have sufficient permissions for this file.',
  )
}

function idInUse(reason: string): Refusal {
  return refuse(409, reason, 'A file already exists with the provided ID.')
}
