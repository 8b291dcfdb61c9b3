// Files and folders of a drive as Graph offers them: addressed by ID or by path, listed page by page, made, renamed,
// deleted. Answers show only what `$select` names.

import { randomUUID } from 'node:crypto'
import type { CloudAnswer, CloudRequest } from '../cloud-server.ts'
import type { Faults } from '../faults.ts'
import {
  type Content,
  contentOf,
  type DriveWorld,
  etagOf,
  type Item,
  type Maker,
  pathOf,
} from './drive-world.ts'
import { refuse } from './graph-error.ts'
import { checkName } from './item-names.ts'
import type { ConflictBehavior, UploadSessions } from './upload-sessions.ts'

const MAX_SINGLE_BYTES = 250_000_000
const MAX_PAGE = 1000

export type ItemOptions = {
  readonly pageSize: number
  readonly keepsContent: boolean
  /** Business ties a session to its name. */
  readonly sessionsHoldNames: boolean
  /** Whether a file can be renamed to a name that a session holds. */
  readonly renamesToHeldName: boolean
  readonly now: () => number
  readonly faults: () => Faults
}

/** An item, or the name of one that is not there (yet) in its folder. */
export type Place = { readonly folder: Item | null; readonly name: string; readonly item: Item | undefined }

export interface ItemsService {
  show(item: Item, request: CloudRequest): CloudAnswer
  list(folder: Item, request: CloudRequest): CloudAnswer
  makeFolder(parent: Item, body: Record<string, unknown>, maker: Maker, request: CloudRequest): CloudAnswer
  open(
    place: Place,
    body: Record<string, unknown>,
    maker: Maker,
    request: CloudRequest,
    origin: string,
    sessions: UploadSessions,
  ): CloudAnswer
  put(place: Place, maker: Maker, request: CloudRequest, sessions: UploadSessions): Promise<CloudAnswer>
  commit(about: Commit, content: Content): CloudAnswer
  update(
    item: Item,
    body: Record<string, unknown>,
    request: CloudRequest,
    sessions: UploadSessions,
  ): CloudAnswer
  remove(item: Item, request: CloudRequest, isForEver: boolean): CloudAnswer
  render(item: Item, operation: string, select?: string | null): Record<string, unknown>
}

type Commit = {
  readonly folder: Item
  readonly name: string
  readonly conflict: ConflictBehavior
  readonly maker: Maker
  readonly fileSystemInfo: Record<string, string>
}

export function createItemsService(world: DriveWorld, options: ItemOptions): ItemsService {
  const taken = (text = 'An item with the same name already exists under the parent') =>
    refuse(409, 'nameAlreadyExists', text)

  function render(item: Item, operation: string, select: string | null = null): Record<string, unknown> {
    const shown: Record<string, unknown> = {
      id: item.id,
      name: item.name,
      size: item.size,
      eTag: etagOf(item),
      cTag: `"c:{${item.guid}},${item.version}"`,
      createdDateTime: seconds(item.createdMs),
      lastModifiedDateTime: item.fileSystemInfo.lastModifiedDateTime ?? seconds(item.createdMs),
      createdBy: identity(item.maker),
      fileSystemInfo: {
        createdDateTime: seconds(item.createdMs),
        lastModifiedDateTime: seconds(item.createdMs),
        ...item.fileSystemInfo,
      },
      webUrl: `${item.drive.webUrl}${encodeURI(pathOf(item))}`,
      parentReference: {
        driveId: item.drive.id,
        driveType: item.drive.driveType,
        ...(item.parent
          ? {
              id: item.parent.id,
              path: `/drives/${item.drive.id}/root:${item.parent.parent === null ? '' : encodeURI(pathOf(item.parent))}`,
            }
          : {}),
      },
      ...(item.parent === null ? { root: {} } : {}),
      ...(item.kind === 'folder'
        ? { folder: { childCount: item.children.size } }
        : { file: { mimeType: 'application/octet-stream', hashes: hashesOf(item, operation) } }),
    }
    if (select === null) return shown
    return Object.fromEntries(
      select.split(',').flatMap((name) => (name in shown ? [[name, shown[name]]] : [])),
    )
  }

  function hashesOf(item: Item, operation: string): Record<string, string> {
    if (options.faults().takeOwn(operation, 'omit_hashes')) return {}
    if (item.readsUntilHash > 0) {
      item.readsUntilHash -= 1
      return {}
    }
    return item.hash === null ? {} : { quickXorHash: item.hash }
  }

  function commit(about: Commit, content: Content): CloudAnswer {
    const standing = world.child(about.folder, about.name)
    if (standing !== undefined && about.conflict === 'fail') throw taken()
    if (standing !== undefined && about.conflict === 'replace') {
      world.replaceContent(standing, content)
      Object.assign(standing.fileSystemInfo, about.fileSystemInfo)
      return { status: 200, body: render(standing, 'chunk') }
    }
    const name = standing === undefined ? about.name : freeName(about.folder, about.name)
    const item = world.addFile(about.folder, name, content, about.maker)
    Object.assign(item.fileSystemInfo, about.fileSystemInfo)
    return { status: 201, body: render(item, 'chunk') }
  }

  function freeName(folder: Item, name: string): string {
    const dot = name.lastIndexOf('.')
    const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
    for (let number = 1; ; number += 1) {
      const candidate = `${stem} ${number}${ending}`
      if (world.child(folder, candidate) === undefined) return candidate
    }
  }

  function placeFor({ folder, name }: Place): { readonly folder: Item; readonly name: string } {
    if (folder === null) throw notFound()
    checkName(name, pathOf(folder))
    return { folder, name }
  }

  function checkMatch(item: Item, request: CloudRequest): void {
    const wanted = request.headers['if-match']
    if (wanted !== undefined && wanted !== '*' && wanted !== etagOf(item)) {
      throw refuse(412, 'resourceModified', 'ETag does not match current item value')
    }
    if (item.isLocked)
      throw refuse(423, 'resourceLocked', 'The resource you are attempting to access is locked', [
        'accessDenied',
      ])
  }

  return {
    render,
    commit,
    show: (item, request) => ({
      status: 200,
      body: render(item, request.operation, request.url.searchParams.get('$select')),
    }),
    list: (folder, request) => listPage(folder, request, options, render),
    makeFolder: (parent, body, maker, request) => {
      const name = typeof body.name === 'string' ? body.name : ''
      checkName(name, pathOf(parent))
      const conflict = conflictOf(body['@microsoft.graph.conflictBehavior'], 'fail')
      const standing = world.child(parent, name)
      if (standing !== undefined && conflict === 'fail') throw taken()
      const folder =
        standing !== undefined && conflict === 'replace'
          ? standing
          : world.addFolder(parent, standing === undefined ? name : freeName(parent, name), maker)
      return { status: 201, body: render(folder, request.operation) }
    },
    open: (place, body, maker, request, origin, sessions) => {
      const { folder, name } = placeFor(place)
      const item = record(body.item)
      if ('name' in item && item.name !== name)
        throw refuse(400, 'invalidRequest', 'The name differs from that of the address.')
      const conflict = conflictOf(item['@microsoft.graph.conflictBehavior'], 'fail')
      if ('fileSize' in item && options.faults().takeOwn(request.operation, 'refuse_size')) {
        throw refuse(400, 'invalidRequest', 'fileSize is not supported')
      }
      const size = typeof item.fileSize === 'number' ? item.fileSize : null
      if (size !== null && size > 250 * 2 ** 30)
        throw refuse(400, 'invalidRequest', 'The file is too large.', ['maxFileSizeExceeded'])
      if (world.child(folder, name) !== undefined && conflict === 'fail') throw taken()
      if (options.sessionsHoldNames && sessions.holds(folder, name)) {
        throw taken(
          'Another user is currently uploading a file with the same name: an upload session already exists.',
        )
      }
      if (size !== null) world.checkRoom(folder.drive, size)
      const fileSystemInfo = record(item.fileSystemInfo) as Record<string, string>
      return sessions.open({ folder, name, conflict, maker, fileSystemInfo, size }, origin)
    },
    put: async (place, maker, request, sessions) => {
      const { folder, name } = placeFor(place)
      const declared = request.headers['content-length']
      if (declared === undefined)
        throw refuse(411, 'invalidRequest', 'The size of the request body is not known.')
      if (Number(declared) > MAX_SINGLE_BYTES) throw refuse(413, 'invalidRequest', 'Request entity too large')
      const conflict = conflictOf(
        request.url.searchParams.get('@microsoft.graph.conflictBehavior'),
        'replace',
      )
      if (world.child(folder, name) !== undefined && conflict === 'fail') throw taken()
      if (options.sessionsHoldNames && sessions.holds(folder, name))
        throw taken('An upload session already exists.')
      world.checkRoom(folder.drive, Number(declared))
      const bytes = await request.readBody()
      return commit(
        { folder, name, conflict, maker, fileSystemInfo: {} },
        contentOf(bytes, options.keepsContent),
      )
    },
    update: (item, body, request, sessions) => {
      checkMatch(item, request)
      const name = typeof body.name === 'string' ? body.name : item.name
      if (name !== item.name && item.parent !== null) {
        checkName(name, pathOf(item.parent))
        const standing = world.child(item.parent, name)
        if (standing !== undefined && standing !== item) throw taken()
        if (!options.renamesToHeldName && sessions.holds(item.parent, name))
          throw taken('An upload session already exists.')
        world.rename(item, name)
      }
      Object.assign(item.fileSystemInfo, record(body.fileSystemInfo))
      return { status: 200, body: render(item, request.operation, request.url.searchParams.get('$select')) }
    },
    remove: (item, request, isForEver) => {
      checkMatch(item, request)
      if (item.isHeld)
        throw refuse(
          403,
          'accessDenied',
          'This item cannot be deleted because it is on hold or retention policy.',
        )
      if (isForEver) world.purge(item)
      else world.toBin(item)
      return { status: 204 }
    },
  }
}

function listPage(
  folder: Item,
  request: CloudRequest,
  options: ItemOptions,
  render: ItemsService['render'],
): CloudAnswer {
  const { url, operation } = request
  if (folder.kind !== 'folder') throw refuse(400, 'invalidRequest', 'The item is not a folder.')
  const stale = options.faults().takeOwn(operation, 'stale_list')
  const youngest =
    stale === undefined
      ? Infinity
      : options.now() - (typeof stale.value === 'number' ? stale.value : 3_600_000)
  const isEmptyPage = options.faults().takeOwn(operation, 'empty_page') !== undefined
  const [, after = ''] = Buffer.from(url.searchParams.get('$skiptoken') ?? '', 'base64url')
    .toString()
    .split('\n')
  const size = isEmptyPage
    ? 0
    : Math.min(options.pageSize, Number(url.searchParams.get('$top') ?? 200), MAX_PAGE)
  const rest = [...folder.children.entries()]
    .filter(([key, item]) => key > after && item.createdMs <= youngest)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const page = rest.slice(0, size)
  const select = url.searchParams.get('$select')
  const body: Record<string, unknown> = {
    '@odata.context': `${url.origin}/v1.0/$metadata#drives/items/children`,
    value: page.map(([, item]) => render(item, operation, select)),
  }
  if (rest.length > page.length) {
    const next = new URL(url)
    const foreign = options.faults().takeOwn(operation, 'foreign_next_link')
    if (foreign !== undefined) next.host = String(foreign.value)
    const token = `${randomUUID()}\n${page.at(-1)?.[0] ?? after}`
    next.searchParams.set('$skiptoken', Buffer.from(token).toString('base64url'))
    body['@odata.nextLink'] = next.href
  }
  return { status: 200, body }
}

export function notFound() {
  return refuse(404, 'itemNotFound', 'The resource could not be found.')
}

function conflictOf(value: unknown, fallback: ConflictBehavior): ConflictBehavior {
  return value === 'fail' || value === 'replace' || value === 'rename' ? value : fallback
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function identity(maker: Maker): unknown {
  if ('application' in maker) return { application: { id: maker.application, displayName: 'Cloud Sync' } }
  return { user: { displayName: maker.user } }
}

/** Business gives whole seconds. */
function seconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
