// Which request is which operation, and who answers it. Requests come under the real host names or on localhost.

import type { CloudAnswer, CloudEmulator, CloudRequest } from '../cloud-server.ts'
import { notFound, refuse } from './drive-error.ts'
import { contentOf, type DriveItem, type DriveWorld } from './drive-world.ts'
import type { Call, FilesService } from './files-service.ts'
import type { TokenEndpoint } from './token-endpoint.ts'
import type { OpenedUpload, UploadSessions } from './upload-sessions.ts'

export type Services = {
  readonly tokens: TokenEndpoint
  readonly files: FilesService
  readonly sessions: UploadSessions
  readonly world: DriveWorld
  /** Throws when the day's uploads are used up. */
  checkDailyCap(): void
}

const FILES = '/drive/v3/files'
const UPLOAD = '/upload/drive/v3/files'
/** Largest body of a multipart or media upload; resumable ones have no limit. */
const MAX_SIMPLE_BYTES = 64 * 1024 * 1024

export const operationOf: CloudEmulator['operationOf'] = ({ method, url, headers }) => {
  const path = url.pathname
  if (path === '/token') return 'token'
  if (path === '/drive/v3/about') return 'about'
  if (path.startsWith('/drive/v3/drives')) return 'drives'
  if (path === `${FILES}/generateIds`) return 'generate_ids'
  if (path === FILES) return method === 'GET' ? 'list' : 'create'
  if (path.startsWith(`${FILES}/`))
    return method === 'GET' ? 'get' : method === 'DELETE' ? 'delete' : 'update'
  if (!path.startsWith(UPLOAD)) return 'other'
  if (!url.searchParams.has('upload_id')) {
    return url.searchParams.get('uploadType') === 'resumable' ? 'open' : 'upload'
  }
  if (method === 'DELETE') return 'abort'
  return headers['content-range']?.startsWith('bytes */') ? 'status' : 'chunk'
}

export async function route(request: CloudRequest, services: Services): Promise<CloudAnswer> {
  const { tokens, files, sessions } = services
  const { operation, method, url } = request
  if (operation === 'token') return tokens.answer(new URLSearchParams((await request.readBody()).toString()))
  const uploadId = url.searchParams.get('upload_id')
  if (uploadId !== null) return sessions.serve(uploadId, request)

  const call: Call = { account: tokens.accountOf(request.headers.authorization), query: url.searchParams }
  const id = decodeURIComponent(url.pathname.split('/')[url.pathname.startsWith(UPLOAD) ? 5 : 4] ?? '')
  if (operation === 'open') return openUpload(request, call, id, services)
  if (operation === 'upload') return simpleUpload(request, call, id, services)
  if (operation === 'about') return files.about(call)
  if (operation === 'drives') return id === '' ? files.drives(call) : files.drive(call, id)
  if (operation === 'generate_ids') return files.generateIds(call)
  if (operation === 'list') return files.list(call)
  if (operation === 'create' && method === 'POST') return files.create(call, await jsonBody(request))
  if (operation === 'get') return files.get(call, id)
  if (operation === 'delete') return files.remove(call, id)
  if (operation === 'update' && method === 'PATCH') return files.update(call, id, await jsonBody(request))
  throw refuse(404, 'notFound', 'Not Found')
}

async function openUpload(
  request: CloudRequest,
  call: Call,
  id: string,
  services: Services,
): Promise<CloudAnswer> {
  const body = await jsonBody(request)
  const declared = request.headers['x-upload-content-length']
  const size = declared === undefined ? null : Number(declared)
  services.checkDailyCap()
  const finish = finisher(call, id, body, size ?? 0, services)
  const upload: OpenedUpload = {
    ...{ account: call.account, size, fields: call.query.get('fields'), finish },
    answer: (item) => services.files.answer(item, call),
  }
  const session = services.sessions.start(upload)
  // The session lives on the host that the client knows, whichever that is.
  const origin = `https://${request.headers.host ?? 'www.googleapis.com'}`
  const location = `${origin}${UPLOAD}?uploadType=resumable&upload_id=${session}`
  return { status: 200, headers: { Location: location, 'X-GUploader-UploadID': session } }
}

/** Multipart (metadata and content in one body) or media (content alone), for small files. */
async function simpleUpload(
  request: CloudRequest,
  call: Call,
  id: string,
  services: Services,
): Promise<CloudAnswer> {
  const bytes = await request.readBody()
  if (bytes.byteLength > MAX_SIMPLE_BYTES) throw refuse(413, 'uploadTooLarge', 'Request Too Large')
  services.checkDailyCap()
  if (call.query.get('uploadType') === 'media') {
    return services.files.answer(finisher(call, id, {}, bytes.byteLength, services)(contentOf(bytes)), call)
  }
  const boundary = /boundary="?([^";]+)"?/.exec(request.headers['content-type'] ?? '')?.[1]
  if (call.query.get('uploadType') !== 'multipart' || boundary === undefined) {
    throw refuse(400, 'badRequest', 'Unknown upload type.')
  }
  const [metadata, content] = splitMultipart(bytes, boundary)
  const finish = finisher(call, id, parseJson(metadata), content.byteLength, services)
  return services.files.answer(finish(contentOf(content)), call)
}

/** A creation, or new content for a file that exists (PATCH). Checked now, carried out when the bytes are there. */
function finisher(
  call: Call,
  id: string,
  body: unknown,
  size: number,
  { files, world }: Services,
): OpenedUpload['finish'] {
  if (id === '') {
    const planned = files.plan(call, body, size)
    return (content) => {
      world.admit(planned.parent, call.account, content.size)
      return files.put(call, planned, content)
    }
  }
  const item: DriveItem = world.visible(id, call.account, call.query.get('supportsAllDrives') === 'true')
  if (!world.capabilities(item, call.account).canEdit) throw notFound(id)
  return (content) => files.replace(item, content)
}

async function jsonBody(request: CloudRequest): Promise<unknown> {
  return parseJson(await request.readBody())
}

function parseJson(bytes: Buffer): unknown {
  try {
    return bytes.byteLength === 0 ? {} : JSON.parse(bytes.toString())
  } catch {
    // The parser's words are of no interest: Drive says the same whatever was wrong.
    throw refuse(400, 'parseError', 'Parse Error')
  }
}

function splitMultipart(body: Buffer, boundary: string): [metadata: Buffer, content: Buffer] {
  const marker = Buffer.from(`--${boundary}`)
  const first = body.indexOf(marker)
  const second = body.indexOf(marker, first + marker.byteLength)
  const last = body.lastIndexOf(marker)
  if (first < 0 || second <= first || last <= second)
    throw refuse(400, 'badContent', 'Malformed multipart body.')
  return [partBody(body.subarray(first, second)), partBody(body.subarray(second, last))]
}

function partBody(part: Buffer): Buffer {
  const start = part.indexOf('\r\n\r\n')
  if (start < 0) throw refuse(400, 'badContent', 'Malformed multipart body.')
  return part.subarray(start + 4, part.byteLength - 2)
}
