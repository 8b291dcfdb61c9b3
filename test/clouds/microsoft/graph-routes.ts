// Which request is which operation, and who answers it: under the real host names, or on localhost, where the path tells.

import type { CloudAnswer, CloudEmulator, CloudRequest } from '../cloud-server.ts'
import type { Drive, DriveWorld, Item, Maker } from './drive-world.ts'
import type { Entra } from './entra.ts'
import { refuse, refuseSignIn } from './graph-error.ts'
import { type ItemsService, notFound, type Place } from './items-service.ts'
import type { UploadSessions } from './upload-sessions.ts'

const FILE_ROLES = /^(Files\.ReadWrite\.All|Sites\.(ReadWrite|Manage|FullControl)\.All|Sites\.Selected)$/

export type Services = {
  readonly entra: Entra
  readonly world: DriveWorld
  readonly items: ItemsService
  readonly sessions: UploadSessions
  readonly users: ReadonlyMap<string, Drive | 'no_drive' | 'no_licence'>
  /** By ID, and by 'host:/path'. */
  readonly sites: ReadonlyMap<string, { readonly id: string; readonly drive: Drive }>
  readonly maker: Maker
  readonly missingRole: 401 | 403
  /** As under Sites.Selected in 2021: the session opens, its fragments are refused. */
  readonly refusesFragments: () => boolean
  uploadOrigin(request: CloudRequest, drive: Drive): string
  now(): number
}

export const operationOf: CloudEmulator['operationOf'] = ({ method, url }) => {
  const path = url.pathname
  if (path.endsWith('/oauth2/v2.0/token')) return 'token'
  if (path.endsWith('/.well-known/openid-configuration')) return 'discovery'
  if (path.includes('/_api/v2.0/drive/items/')) {
    return method === 'PUT' ? 'chunk' : method === 'DELETE' ? 'abort' : 'status'
  }
  if (path.endsWith('/_layouts/15/download.aspx')) return 'download'
  const graph = /^\/v1\.0(\/.*)$/.exec(path)?.[1]
  if (graph === undefined) return 'other'
  if (/^\/sites\/[^/]+(:\/[^:]*)?$/.test(graph)) return 'site'
  if (/^\/(drives\/[^/]+|(users|sites)\/[^/]+\/drive)$/.test(graph)) return 'drive'
  if (!/^\/drives\/[^/]+\/(root|items)/.test(graph)) return 'other'
  if (graph.endsWith('/createUploadSession')) return 'open'
  if (graph.endsWith('/content')) return method === 'PUT' ? 'single' : 'download'
  if (graph.endsWith('/permanentDelete')) return 'permanent_delete'
  if (graph.endsWith('/children')) return method === 'POST' ? 'folder' : 'list'
  if (method === 'PATCH') return 'rename'
  if (method === 'DELETE') return 'delete'
  return graph.includes(':') || graph.endsWith('/root') ? 'find' : 'get'
}

export async function route(request: CloudRequest, services: Services): Promise<CloudAnswer> {
  const { operation, url, host } = request
  const { entra, sessions } = services
  if (operation === 'token') {
    if (request.method !== 'POST') throw refuseSignIn(900144)
    return entra.token(firstSegment(url), new URLSearchParams((await request.readBody()).toString()))
  }
  if (operation === 'discovery') return entra.discovery(firstSegment(url), url.origin)
  if (operation === 'chunk' || operation === 'status' || operation === 'abort') {
    if (host === 'graph.microsoft.com') throw notFound()
    if (operation === 'chunk' && services.refusesFragments())
      throw refuse(403, 'accessDenied', 'Access denied')
    return sessions.handle(request)
  }
  if (operation === 'download' && url.pathname.endsWith('download.aspx')) return download(request, services)
  if (host.endsWith('.sharepoint.com') || host.startsWith('login.')) throw notFound()

  const roles = entra.authorize(request.headers.authorization)
  const path = url.pathname.replace(/^\/v1\.0/, '')
  if (path === '/me' || path.startsWith('/me/')) {
    throw refuse(400, 'BadRequest', '/me request is only valid with delegated authentication flow.')
  }
  if (!roles.some((role) => FILE_ROLES.test(role))) {
    if (services.missingRole === 401)
      throw refuse(401, 'generalException', 'General exception while processing')
    throw refuse(403, 'accessDenied', 'Access denied')
  }
  if (operation === 'site') return site(path, services)
  if (operation === 'drive') return { status: 200, body: shownDrive(driveOf(path, services), services) }
  return itemCall(request, path, services)
}

async function itemCall(request: CloudRequest, path: string, services: Services): Promise<CloudAnswer> {
  const { items, sessions, maker } = services
  const { place, rest } = locate(path, services)
  const { operation, method } = request
  if (operation === 'open' && method === 'POST') {
    const folder = place.folder ?? place.item
    if (folder === undefined || folder === null) throw notFound()
    return items.open(
      place,
      await jsonBody(request),
      maker,
      request,
      services.uploadOrigin(request, folder.drive),
      sessions,
    )
  }
  if (operation === 'single') {
    const target: Place = place.item?.parent
      ? { folder: place.item.parent, name: place.item.name, item: place.item }
      : place
    return items.put(target, maker, request, sessions)
  }
  const { item } = place
  if (item === undefined) throw notFound()
  if (operation === 'folder') return items.makeFolder(item, await jsonBody(request), maker, request)
  if (operation === 'list') return items.list(item, request)
  if (operation === 'rename') return items.update(item, await jsonBody(request), request, sessions)
  if (operation === 'delete') return items.remove(item, request, false)
  if (operation === 'permanent_delete' && method === 'POST') return items.remove(item, request, true)
  if (operation === 'download') {
    const origin = services.uploadOrigin(request, item.drive)
    return {
      status: 302,
      headers: {
        Location: `${origin}${item.drive.prefix}/_layouts/15/download.aspx?UniqueId=${item.guid}&tempauth=v1.read`,
      },
    }
  }
  if ((operation === 'get' || operation === 'find') && method === 'GET' && rest === '')
    return items.show(item, request)
  throw refuse(400, 'invalidRequest', 'Resource not found for the segment.')
}

/** `/drives/{id}/root[:/a/b[:/rest]]`, `/drives/{id}/items/{id}[:/a/b[:/rest]]`, `…/{id}/rest`. */
function locate(path: string, { world }: Services): { readonly place: Place; readonly rest: string } {
  const match = /^\/drives\/([^/]+)\/(root|items\/([^/:]+))(.*)$/.exec(path)
  const drive = world.drives.get(decodeURIComponent(match?.[1] ?? ''))
  if (match === null || drive === undefined) throw notFound()
  const start =
    match[3] === undefined || match[3] === 'root' ? drive.root : drive.items.get(decodeURIComponent(match[3]))
  const tail = match[4] ?? ''
  if (start === undefined) throw notFound()
  if (!tail.startsWith(':/')) {
    return { place: { folder: start.parent, name: start.name, item: start }, rest: tail.replace(/^\//, '') }
  }
  const end = tail.indexOf(':', 1)
  const names = tail
    .slice(2, end < 0 ? undefined : end)
    .split('/')
    .filter((name) => name !== '')
    .map(decodeURIComponent)
  const rest = end < 0 ? '' : tail.slice(end + 1).replace(/^\//, '')
  let item: Item | undefined = start
  let folder: Item | null = start.parent
  for (const name of names) {
    folder = item?.kind === 'folder' ? item : null
    item = folder === null ? undefined : world.child(folder, name)
  }
  return { place: { folder, name: names.at(-1) ?? start.name, item }, rest }
}

function driveOf(path: string, { world, users, sites }: Services): Drive {
  const [, kind = '', id = ''] = path.split('/').map(decodeURIComponent)
  if (kind === 'drives') {
    const drive = world.drives.get(id)
    if (drive === undefined) throw refuse(404, 'itemNotFound', 'The resource could not be found.')
    return drive
  }
  if (kind === 'sites') {
    const found = sites.get(id)
    if (found === undefined) throw refuse(404, 'itemNotFound', 'Requested site could not be found')
    return found.drive
  }
  const found = users.get(id.toLowerCase())
  if (found === undefined) throw refuse(404, 'Request_ResourceNotFound', `Resource '${id}' does not exist.`)
  if (found === 'no_drive') throw refuse(404, 'ResourceNotFound', "User's mysite not found.")
  if (found === 'no_licence') throw refuse(400, 'BadRequest', 'Tenant does not have a SPO license.')
  return found
}

function site(path: string, { sites }: Services): CloudAnswer {
  const key = decodeURIComponent(path.slice('/sites/'.length)).toLowerCase().replace(/\/$/, '')
  const found = sites.get(key)
  if (found === undefined) throw refuse(404, 'itemNotFound', 'Requested site could not be found')
  return { status: 200, body: { id: found.id, name: 'backups', webUrl: found.drive.webUrl } }
}

function shownDrive(drive: Drive, { world }: Services): unknown {
  const used = world.used(drive)
  const remaining = Math.max(0, world.quotaTotal - used)
  return {
    id: drive.id,
    driveType: drive.driveType,
    name: drive.driveType === 'business' ? 'OneDrive' : 'Documents',
    owner: drive.owner,
    webUrl: drive.webUrl,
    // A library of a site does not tell its quota to an application.
    ...(drive.driveType === 'business'
      ? {
          quota: {
            total: world.quotaTotal,
            used,
            remaining,
            deleted: drive.bin.reduce((sum, item) => sum + item.size, 0),
            state: remaining === 0 ? 'exceeded' : remaining < world.quotaTotal / 100 ? 'critical' : 'normal',
          },
        }
      : {}),
  }
}

/** Takes notice of Range, as the real download hosts do. */
function download({ url, headers }: CloudRequest, { world }: Services): CloudAnswer {
  const guid = url.searchParams.get('UniqueId')
  for (const drive of world.drives.values()) {
    for (const item of drive.items.values()) {
      if (item.guid !== guid || item.content === null) continue
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
      if (first === undefined || last === undefined) return { status: 200, body: item.content }
      return { status: 206, body: item.content.subarray(Number(first), Number(last) + 1) }
    }
  }
  throw notFound()
}

async function jsonBody(request: CloudRequest): Promise<Record<string, unknown>> {
  const text = (await request.readBody()).toString()
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch {
    throw refuse(400, 'invalidRequest', 'The body is not JSON.')
  }
  throw refuse(400, 'invalidRequest', 'The body is not a JSON object.')
}

function firstSegment(url: URL): string {
  return decodeURIComponent(url.pathname.split('/')[1] ?? '')
}
