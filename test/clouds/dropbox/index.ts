// An emulated Dropbox: both API hosts and the token endpoint, over TLS, under Dropbox's own host names as well as under
// overridden roots. Refuses what the real one refuses; the facts are those of docs/providers.md, 2.
//
// Operations for faults: 'token', 'account', 'space', 'check_user', 'list', 'list_continue', 'metadata',
// 'create_folder', 'delete', 'upload' (files/upload), 'open' (session start), 'chunk' (append with bytes or close),
// 'query' (append of nothing), 'finalise' (finish; it is also how a concurrent session is asked), 'finalise_batch',
// 'download', 'other'.
// Own faults: 'flip_bit' (upload, finalise): the stored content differs by a bit · 'forget_session' (chunk, query,
// finalise): the session is unknown from now on · 'expire_token' (any): the token in use has just expired ·
// 'omit_hash' (metadata): no content_hash · 'stale_list' (list), value n: the n newest entries are not listed ·
// 'cursor_reset' (list_continue).

import type { TestAuthority } from '../certificates.ts'
import type { CloudDouble, CloudOptions, StoredFile } from '../cloud-double.ts'
import { type CloudAnswer, type CloudRequest, startCloudServer } from '../cloud-server.ts'
import { CONTENT_ROUTES, finishBatch } from './content-routes.ts'
import { createNamespace, type FileEntry } from './namespace.ts'
import { badRequest, bodyOfStatus, Refusal, tagged } from './refusals.ts'
import { RPC_ROUTES } from './rpc-routes.ts'
import { ALL_SCOPES, APP_KEY, APP_SECRET, createSignIn, REFRESH_TOKEN } from './sign-in.ts'
import { contentOf } from './stored-content.ts'
import { createUploadSessions } from './upload-sessions.ts'
import { HOME_PATH, prefixOf, TEAM_FOLDER, type World } from './world.ts'

const API_HOSTS = ['api.dropboxapi.com', 'api.dropbox.com']
const CONTENT_HOSTS = ['content.dropboxapi.com']
const OTHER_HOSTS = ['www.dropbox.com', 'notify.dropboxapi.com']

export type DropboxOptions = CloudOptions & {
  /** Bytes that the account may hold. */
  readonly quotaBytes?: number | undefined
  readonly scopes?: readonly string[] | undefined
  readonly sessionLifeMs?: number | undefined
  /** A user alone, a member of a team with a shared space, or an app there that sees only its own folder. */
  readonly space?: World['space'] | undefined
  readonly commitMs?: number | undefined
  /** How far the Date header is off. */
  readonly clockOffsetMs?: number | undefined
  readonly brokenAppend?: 'discard' | 'keep' | undefined
  /** Not verified (docs/providers.md, 4): a concurrent chunk that comes again. */
  readonly resentChunk?: 'accept' | 'refuse' | undefined
  /** Not verified (docs/providers.md, 4): finish on a session that was finished. */
  readonly refinish?: World['refinish'] | undefined
}

export interface DropboxEmulator extends CloudDouble {
  /** Credentials that are a bare access token, good for a token's life. */
  accessTokenCredentials(): Record<string, unknown>
  /** Ends every access token now. */
  expireTokens(): void
  revokeRefreshToken(): void
  /** Refresh grants answered so far. */
  tokenExchanges(): number
  forgetSessions(): void
  /** A session that another emulator has begun, with the bytes that had arrived there. */
  restoreSession(sessionId: string, content: Buffer): void
  setQuota(bytes: number): void
}

export async function startDropboxEmulator(
  authority: TestAuthority,
  options: DropboxOptions = {},
): Promise<DropboxEmulator> {
  const now = Date.now
  const keepContent = options.keepContent ?? true
  const space = options.space ?? 'own'
  const signIn = createSignIn({
    lifeSeconds: options.tokenLifeSeconds ?? 14_400,
    scopes: options.scopes ?? ALL_SCOPES,
    now,
  })
  const world: World = {
    namespace: createNamespace({ quota: options.quotaBytes ?? 2 ** 50, isTopOpen: space === 'own', now }),
    sessions: createUploadSessions({
      keepContent,
      sessionLifeMs: options.sessionLifeMs ?? 7 * 86_400_000,
      brokenAppend: options.brokenAppend ?? 'discard',
      resentChunk: options.resentChunk ?? 'accept',
      now,
    }),
    signIn,
    pageSize: options.pageSize ?? 3,
    keepContent,
    space,
    commitMs: options.commitMs ?? 0,
    refinish: options.refinish ?? 'metadata',
    now,
    faults: null,
  }
  const date = options.clockOffsetMs
  const server = await startCloudServer(
    {
      hosts: [...API_HOSTS, ...CONTENT_HOSTS, ...OTHER_HOSTS],
      operationOf: ({ url, headers }) =>
        operationOf(url.pathname, headers['content-length'], headers['dropbox-api-arg']),
      errorBody: bodyOfStatus,
      handle: async (request) => {
        const answer = await answerOf(world, request)
        const requestId = { 'X-Dropbox-Request-Id': 'e3b0c44298fc1c149afbf4c8996fb924' }
        const shifted = date === undefined ? {} : { Date: new Date(now() + date).toUTCString() }
        return { ...answer, headers: { ...requestId, ...shifted, ...answer.headers } }
      },
    },
    authority,
    options.port,
  )
  world.faults = server.faults
  if (space !== 'own') {
    const openTop = createNamespace({ quota: 0, isTopOpen: true, now })
    for (const path of [HOME_PATH, TEAM_FOLDER]) world.namespace.adopt(openTop.makeFolder(path))
  }
  const stored = (file: FileEntry): StoredFile => ({
    id: file.id,
    path: file.path,
    size: file.content.size,
    hashes: [{ algorithm: 'dropbox_content_hash', value: file.content.hash }],
    uploaded_at: file.serverModified,
    content: file.content.bytes,
  })
  return {
    kind: 'dropbox',
    server,
    env: { DROPBOX_API_ROOT: server.origin, DROPBOX_CONTENT_ROOT: server.origin },
    credentials: { refresh_token: REFRESH_TOKEN, app_key: APP_KEY, app_secret: APP_SECRET },
    settings: {},
    accessTokenCredentials: () => ({ access_token: signIn.issue() }),
    expireTokens: signIn.expireAll,
    revokeRefreshToken: signIn.revokeRefreshToken,
    tokenExchanges: signIn.exchanges,
    forgetSessions: () => world.sessions.forget(),
    restoreSession: world.sessions.restore,
    setQuota: (bytes) => {
      world.namespace.quota = bytes
    },
    files: (folderPath) => {
      const prefix = folderPath === undefined || folderPath === '/' ? '/' : `${folderPath.toLowerCase()}/`
      return world.namespace
        .all()
        .flatMap((entry) =>
          entry.kind === 'file' && entry.path.toLowerCase().startsWith(prefix) ? [stored(entry)] : [],
        )
    },
    putFile: (path, content, uploadedAt) => {
      const written = world.namespace.write(path, contentOf(content, keepContent), {
        mode: 'overwrite',
        autorename: false,
        strictConflict: false,
        at: uploadedAt,
      })
      if ('refused' in written) throw new Error(`the emulator cannot hold this file: ${written.refused}`)
      return stored(written)
    },
    removeFile: (path) => world.namespace.remove(path),
    openSessions: world.sessions.open,
    close: server.close,
  }
}

function operationOf(
  path: string,
  contentLength: string | undefined,
  arg: string | string[] | undefined,
): string {
  if (path.endsWith('/oauth2/token')) return 'token'
  const route = path.replace(/^\/2\//, '')
  if (route === 'files/upload_session/append_v2') {
    return contentLength === '0' && !/"close": ?true/.test(String(arg)) ? 'query' : 'chunk'
  }
  if (/^files\/upload_session\/finish_batch/.test(route)) return 'finalise_batch'
  return RPC_ROUTES[route]?.operation ?? CONTENT_ROUTES[route]?.operation ?? 'other'
}

async function answerOf(world: World, request: CloudRequest): Promise<CloudAnswer> {
  try {
    if (request.method !== 'POST') throw new Refusal({ status: 405, body: 'Method not allowed' })
    if (request.url.pathname.endsWith('/oauth2/token')) return await world.signIn.answerToken(request)
    const route = request.url.pathname.replace(/^\/2\//, '')
    if (CONTENT_ROUTES[route]) return await answerContent(world, request, route)
    return await answerRpc(world, request, route)
  } catch (refusal) {
    if (refusal instanceof Refusal) return refusal.answer
    throw refusal
  }
}

async function answerContent(world: World, request: CloudRequest, name: string): Promise<CloudAnswer> {
  const route = CONTENT_ROUTES[name]
  if (route === undefined || API_HOSTS.includes(request.host))
    throw badRequest(name, 'this host does not serve it')
  admit(world, request, route.scope)
  const type = request.headers['content-type'] ?? ''
  if (route.operation !== 'download' && type !== 'application/octet-stream') {
    throw badRequest(name, `Bad HTTP "Content-Type" header: "${type}"`)
  }
  const arg = request.headers['dropbox-api-arg']
  if (typeof arg !== 'string') throw badRequest(name, 'Must provide HTTP header "Dropbox-API-Arg".')
  if (/[^\x20-\x7e]/.test(arg))
    throw badRequest(name, 'HTTP header "Dropbox-API-Arg": could not decode input as JSON')
  return route.answer(world, request, readJson(arg, name), prefixOf(world, rootHeader(request)))
}

async function answerRpc(world: World, request: CloudRequest, name: string): Promise<CloudAnswer> {
  if (CONTENT_HOSTS.includes(request.host)) throw badRequest(name, 'this host does not serve it')
  const route = RPC_ROUTES[name]
  const isBatch = /^files\/upload_session\/finish_batch(_v2)?$/.test(name)
  if (route === undefined && !isBatch)
    throw new Refusal({ status: 404, body: `Unknown API function: "${name}"` })
  admit(world, request, route?.scope ?? 'files.content.write')
  const type = request.headers['content-type']
  const body = (await request.readBody()).toString()
  if (route?.schema === null) {
    const isEmpty = body === '' ? type === undefined : body === 'null' && type === 'application/json'
    if (!isEmpty) throw badRequest(name, 'request body: expected null, got something else')
    return { status: 200, body: route.answer(world, null, '') }
  }
  if (!type?.startsWith('application/json'))
    throw badRequest(name, `Bad HTTP "Content-Type" header: "${type}"`)
  const arg = readJson(body, name)
  const prefix = prefixOf(world, rootHeader(request))
  if (route === undefined) return { status: 200, body: await finishBatch(world, arg, prefix) }
  const parsed = route.schema?.safeParse(arg)
  if (!parsed?.success)
    throw badRequest(name, `request body: ${parsed?.error.issues[0]?.message ?? 'unexpected'}`)
  return { status: 200, body: route.answer(world, arg, prefix) }
}

function admit(world: World, request: CloudRequest, scope: string): void {
  if (world.faults?.takeOwn(request.operation, 'expire_token')) {
    world.signIn.expireAll()
    throw tagged(401, 'expired_access_token')
  }
  world.signIn.admit(request.headers.authorization, scope)
}

function rootHeader(request: CloudRequest): string | undefined {
  const header = request.headers['dropbox-api-path-root']
  return typeof header === 'string' ? header : undefined
}

function readJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest(name, 'could not decode input as JSON')
  }
}
