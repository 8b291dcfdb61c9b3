// Opening, asking and giving up an upload session (docs/providers.md, 3.2), and telling after a lost answer whether the
// file is there. An upload URL is asked without a token: Graph refuses one there.
//
// Which name a session gets: the final one. A session shows nothing before its last byte, so the file appears whole
// and at once, with conflict behaviour `fail`, and no later rename makes a version that takes space. OneDrive for
// Business ties a session to its name, and a session whose address was lost (an answer that never came) blocks the
// name for as long as it lives. Only then (409, but no file of that name) is the file uploaded under a unique name
// that retention does not count as an archive, and renamed after its last byte with If-Match.

import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import type { HttpAnswer, HttpClient } from '../../http/client.ts'
import {
  type ArrivedFile,
  ProviderError,
  type RemoteFile,
  type UploadSession,
  type UploadTarget,
} from '../provider.ts'
import { graphError, hasCode } from './errors.ts'
import { type Graph, read, USER_AGENT } from './graph.ts'
import { checkUploadUrl } from './hosts.ts'
import { fileOf, type Item, type Items } from './items.ts'
import { checkPathLength, urlSegment } from './names.ts'
import { type FragmentSession, type GraphSession, readSession } from './session.ts'

/** The clocks of the two sides may differ by this much where a file is recognised as ours. */
const CLOCK_TOLERANCE_MS = 300_000
/** A 404 of an upload URL may pass (eventual consistency): asked this often before the session counts as gone. */
const LOOKUPS = 3

const openedSchema = z.object({ uploadUrl: z.string().min(1) })
const rangesSchema = z.object({ nextExpectedRanges: z.array(z.string()).optional() })

/** Like SessionState, with the case that all bytes are there and the file is not shown yet. */
type State =
  | { readonly kind: 'open'; readonly offset: number }
  | { readonly kind: 'complete'; readonly file: ArrivedFile }
  | { readonly kind: 'gone' }

export interface Sessions {
  open(driveId: string, target: UploadTarget, isSingle: boolean, signal: AbortSignal): Promise<UploadSession>
  query(target: UploadTarget, session: GraphSession, signal: AbortSignal): Promise<State>
  /** The file of this session, if it is there whole, as far as can be told; renames it where that is still to be done. */
  finished(size: number, session: GraphSession, signal: AbortSignal): Promise<ArrivedFile | null>
  /** Gives the final name to a file that was uploaded under another one. */
  settleName(session: GraphSession, item: Item, signal: AbortSignal): Promise<RemoteFile>
  abort(session: UploadSession, signal: AbortSignal): Promise<void>
}

type Deps = {
  readonly graph: Graph
  readonly items: Items
  readonly http: HttpClient
  readonly graphRoot: string
  readonly clientId: string
  readonly now: () => number
  /** Between two questions about a session that is not found. */
  readonly lookupPauseMs: number
}

export function createSessions(deps: Deps): Sessions {
  const { graph, items, http } = deps

  async function create(
    driveId: string,
    target: UploadTarget,
    name: string,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const folder = `/drives/${urlSegment(driveId)}/items/${urlSegment(target.folder.id)}`
    const ask = (size: { fileSize?: number }) =>
      graph.call({
        method: 'POST',
        path: `${folder}:/${urlSegment(name)}:/createUploadSession`,
        subject: 'folder',
        signal,
        json: { item: { '@microsoft.graph.conflictBehavior': 'fail', name, ...size } },
        accept: [400, 409],
      })
    const first = await ask({ fileSize: target.size })
    const isAboutName = hasCode(first, 'invalidPath', 'pathIsTooLong', 'maxFileSizeExceeded')
    // Some services refuse the size, which would have told early that the drive is full.
    const answer = first.status === 400 && !isAboutName ? await ask({}) : first
    if (answer.status === 400) throw graphError(answer, 'folder', deps.now())
    return answer
  }

  async function open(driveId: string, target: UploadTarget, isSingle: boolean, signal: AbortSignal) {
    checkPathLength(`${target.folder.path === '/' ? '' : target.folder.path}/${target.name}`)
    const created_at = new Date(deps.now()).toISOString()
    const common = { created_at, drive_id: driveId, folder_id: target.folder.id, name: target.name }
    if (isSingle) return { ...common, kind: 'single' } satisfies GraphSession
    let uploadName = target.name
    let answer = await create(driveId, target, uploadName, signal)
    if (answer.status === 409) {
      const holder = await items.byName(driveId, target.folder.id, target.name, signal)
      if (holder !== null) throw graphError(answer, 'folder', deps.now())
      uploadName = `cloud-sync-${randomUUID()}.uploading`
      answer = await create(driveId, target, uploadName, signal)
      if (answer.status === 409) throw graphError(answer, 'folder', deps.now())
    }
    const { uploadUrl } = read(openedSchema, answer)
    checkUploadUrl(uploadUrl, deps.graphRoot)
    const session: GraphSession = {
      ...common,
      kind: 'fragments',
      upload_url: uploadUrl,
      upload_name: uploadName,
    }
    return session
  }

  async function query(target: UploadTarget, session: GraphSession, signal: AbortSignal): Promise<State> {
    if (session.kind === 'single') {
      const file = await finished(target.size, session, signal)
      return file === null ? { kind: 'open', offset: 0 } : { kind: 'complete', file }
    }
    checkUploadUrl(session.upload_url, deps.graphRoot)
    for (let lookup = 1; ; lookup += 1) {
      const answer = await http.request({
        method: 'GET',
        url: session.upload_url,
        headers: { Accept: 'application/json', 'User-Agent': USER_AGENT },
        signal,
      })
      const offset = answer.status === 200 ? nextOffset(answer, target.size) : undefined
      if (offset !== undefined && offset < target.size) return { kind: 'open', offset }
      const file = await finished(target.size, session, signal)
      if (file !== null) return { kind: 'complete', file }
      if (answer.status === 200) {
        throw new ProviderError('upload_unverified', 'OneDrive has all bytes but does not show the file yet')
      }
      const error = graphError(answer, 'session', deps.now())
      if (error.code !== 'session_expired') throw error
      // An expired token in the address never heals; a 404 may.
      if (answer.status !== 404 || lookup === LOOKUPS) return { kind: 'gone' }
      await pause(deps.lookupPauseMs, undefined, { signal })
    }
  }

  async function finished(
    size: number,
    session: GraphSession,
    signal: AbortSignal,
  ): Promise<ArrivedFile | null> {
    const item = await items.byName(session.drive_id, session.folder_id, session.name, signal)
    const file = item === null ? null : fileOf(item)
    if (item !== null && file !== null && mayBeOurs(item, file, size, session))
      return { ...file, is_surmised: true }
    if (session.kind === 'single' || session.upload_name === session.name) return null
    const unnamed = await items.byName(session.drive_id, session.folder_id, session.upload_name, signal)
    return unnamed !== null && unnamed.size === size ? settleName(session, unnamed, signal) : null
  }

  /** Whether a file of the wanted name may be the one that this session made: its size, its time and its maker. */
  function mayBeOurs(item: Item, file: RemoteFile, size: number, session: GraphSession): boolean {
    const isAsLarge = file.size === size
    const isSince = Date.parse(file.uploaded_at) >= Date.parse(session.created_at) - CLOCK_TOLERANCE_MS
    // A false "no" costs little: the engine then finds the file by its name and compares the hash.
    const isByUs = item.createdBy === undefined || isSame(item.createdBy.application?.id, deps.clientId)
    return isAsLarge && isSince && isByUs
  }

  async function settleName(session: GraphSession, item: Item, signal: AbortSignal): Promise<RemoteFile> {
    const current = fileOf(item)
    if (current === null)
      throw new ProviderError('unexpected_answer', 'OneDrive shows something that is no file')
    if (session.kind === 'single' || session.upload_name === session.name) return current
    const renamed = await items.rename(session.drive_id, item, session.name, signal)
    const file = renamed === null ? null : fileOf(renamed)
    if (file !== null) return file
    const holder = await items.byName(session.drive_id, session.folder_id, session.name, signal)
    if (holder === null) {
      throw new ProviderError(
        'file_locked',
        'an earlier upload still holds the name; the file gets it when that one expires',
      )
    }
    await removeUnnamed(session, signal)
    throw new ProviderError('name_conflict', 'another file has taken the name during the upload')
  }

  async function removeUnnamed(session: FragmentSession, signal: AbortSignal): Promise<void> {
    if (session.upload_name === session.name) return
    const unnamed = await items.byName(session.drive_id, session.folder_id, session.upload_name, signal)
    if (unnamed !== null) await items.remove(session.drive_id, unnamed.id, unnamed.eTag ?? null, signal)
  }

  async function abort(saved: UploadSession, signal: AbortSignal): Promise<void> {
    const session = readSession(saved)
    if (session === null || session.kind === 'single') return
    checkUploadUrl(session.upload_url, deps.graphRoot)
    const answer = await http.request({
      method: 'DELETE',
      url: session.upload_url,
      headers: { 'User-Agent': USER_AGENT },
      signal,
    })
    if (answer.status >= 300) {
      const error = graphError(answer, 'session', deps.now())
      if (error.code !== 'session_expired') throw error
    }
    await removeUnnamed(session, signal)
  }

  return { open, query, finished, settleName, abort }
}

function isSame(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase()
}

/** The first byte that the provider misses; undefined where it misses none, or says nothing about it. */
export function nextOffset(answer: HttpAnswer, size: number): number | undefined {
  const ranges = read(rangesSchema, answer).nextExpectedRanges ?? []
  const starts = ranges.map((range) => Number(/^(\d+)-/.exec(range)?.[1] ?? Number.NaN))
  if (starts.some(Number.isNaN)) {
    throw new ProviderError('unexpected_answer', 'OneDrive names byte ranges of an unknown form')
  }
  // Several ranges may come, in any order and not all of them: the lowest start is what surely misses.
  return starts.length === 0 ? undefined : Math.min(...starts, size)
}
