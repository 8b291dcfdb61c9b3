// One file through a resumable session (docs/providers.md, 1.3 and 1.4). The file's ID is made before the session, and kept in
// it, so that the file can be found whatever answer gets lost, and a repeated end cannot make a second one. Where Drive
// does not take such an ID, the file is found again by the marks it carries.

import type { HttpAnswer, HttpClient, HttpRequest } from '../../http/client.ts'
import { parseJson } from '../../http/json.ts'
import { type Provider, ProviderError, type RemoteFile, type UploadTarget } from '../provider.ts'
import { httpsAddress, isTrustedHost } from '../trusted-host.ts'
import type { DriveApi } from './api.ts'
import { byAge, fileSchema, remoteFileOf } from './files.ts'
import { generateId, readItem } from './folders.ts'
import type { Listing } from './listing.ts'
import { marksOf, quoted } from './names.ts'
import {
  bearer,
  CONTENT_TYPE,
  createSessionRequests,
  errorOf,
  FINISH_TIMEOUT_MS,
  isSuccess,
  sessionSchema,
  storedBytes,
} from './session.ts'

/** Of a token that is refused with the bytes, in one attempt: each costs the time of sending. */
const MOST_RENEWALS = 2

export type Uploads = Pick<Provider, 'openSession' | 'querySession' | 'send' | 'abortSession'>

export function createUploads(deps: {
  readonly api: DriveApi
  readonly listing: Listing
  readonly http: HttpClient
  readonly apiRoot: string
  readonly now: () => number
}): Uploads {
  const { api, listing, http } = deps
  const apiRoot = deps.apiRoot.replace(/\/+$/, '')
  const requests = createSessionRequests({ auth: api.auth, http, apiRoot })

  /** The finished file, when it exists, whatever the session says. */
  const locate = async (
    target: UploadTarget,
    fileId: string | null,
    signal: AbortSignal,
  ): Promise<RemoteFile | null> => {
    if (fileId !== null) {
      const file = await readItem(api, fileId, signal)
      return file === null || file.trashed === true ? null : remoteFileOf(file)
    }
    const { run_id: runId } = marksOf(target)
    const marked = `appProperties has { key = 'run_id' and value = ${quoted(runId)} }`
    const query = `${quoted(target.folder.id)} in parents and name = ${quoted(target.name)} and ${marked} and trashed = false`
    for (const file of (await listing.find(query, signal)).toSorted(byAge)) {
      if (file.name === target.name && file.size === target.size) return remoteFileOf(file)
    }
    return null
  }

  /** Reads the file out of the last answer; asks by ID when that was cut off or lacks the hash. */
  const finished = async (
    target: UploadTarget,
    answer: HttpAnswer,
    fileId: string | null,
    signal: AbortSignal,
  ): Promise<RemoteFile> => {
    const parsed = fileSchema.safeParse(parseJson(answer.body))
    const stated = parsed.success ? remoteFileOf(parsed.data) : null
    if (stated?.hashes.some(({ algorithm }) => algorithm === 'sha256')) return stated
    const file = (await locate(target, stated?.id ?? fileId, signal)) ?? stated
    if (file !== null) return file
    throw new ProviderError(
      'unexpected_answer',
      'Google Drive calls the upload complete, but does not show the file',
    )
  }

  const querySession: Uploads['querySession'] = async (target, session, signal) => {
    const known = sessionSchema.safeParse(session)
    if (!known.success) return { kind: 'gone' }
    const { uri, file_id: fileId } = known.data
    const answer = await requests.status(uri, target.size, signal)
    if (answer.status === 308) return { kind: 'open', offset: storedBytes(answer) }
    if (isSuccess(answer)) return { kind: 'complete', file: await finished(target, answer, fileId, signal) }
    // Whatever else is refused to a session, it cannot be gone on with (docs/providers.md, 1.3).
    const isGone = isMissing(answer) || errorOf(answer).code === 'request_refused'
    if (!isGone) throw errorOf(answer)
    const file = await locate(target, fileId, signal)
    return file === null ? { kind: 'gone' } : { kind: 'complete', file }
  }

  const send: Uploads['send'] = async (target, session, source, offset, context) => {
    const { signal } = context
    const known = sessionSchema.safeParse(session)
    if (!known.success) throw sessionExpired()
    const { uri, file_id: fileId } = known.data

    const put = (at: number, token: string | null): Promise<HttpAnswer> =>
      http.request({
        ...{ method: 'PUT', url: uri, signal, onSent: context.onSent, answerTimeoutMs: FINISH_TIMEOUT_MS },
        headers: {
          ...bearer(token),
          'Content-Type': CONTENT_TYPE,
          'Content-Range': `bytes ${at}-${target.size - 1}/${target.size}`,
        },
        body: source.read(at, target.size),
        contentLength: target.size - at,
      } satisfies HttpRequest)

    let at = offset
    for (let renewals = 0; ; ) {
      if (at < target.size) {
        const token = await requests.token(signal)
        const answer = await put(at, token)
        if (isSuccess(answer)) return await finished(target, answer, fileId, signal)
        if (answer.status === 308) {
          // Drive may keep less than was sent.
          const stored = storedBytes(answer)
          if (stored <= at)
            throw new ProviderError('provider_unavailable', 'Google Drive kept nothing of what was sent')
          context.onStored(stored)
          at = stored
          continue
        }
        if (isMissing(answer)) {
          const file = await locate(target, fileId, signal)
          if (file !== null) return file
          throw sessionExpired(answer.status)
        }
        // Without a token at first: that one is wanted is no refusal of one.
        if (answer.status !== 401 || renewals >= MOST_RENEWALS) throw errorOf(answer)
        if (token !== null) renewals += 1
        requests.refused(token)
      }
      const state = await querySession(target, session, signal)
      if (state.kind === 'complete') return state.file
      if (state.kind === 'gone') throw sessionExpired()
      if (state.offset >= target.size) {
        throw new ProviderError(
          'provider_unavailable',
          'Google Drive has every byte, but has not put the file together yet',
        )
      }
      at = state.offset
    }
  }

  return {
    openSession: async (target, signal, forgotten) => {
      // The same ID again: a file that Google is still putting together cannot come to stand beside the new one.
      const earlier = sessionSchema.safeParse(forgotten).data?.file_id ?? null
      let fileId: string | null = earlier ?? (await generateId(api, signal))
      let answer = await requests.start(target, fileId, signal)
      if (answer.status === 409 && forgotten !== undefined && earlier !== null) {
        if ((await locate(target, earlier, signal)) !== null) return forgotten
        // It lies in the trash.
        fileId = await generateId(api, signal)
        answer = await requests.start(target, fileId, signal)
      }
      if (answer.status === 400) {
        // Not settled for shared drives whether generated IDs are taken: without one, Drive chooses.
        fileId = null
        answer = await requests.start(target, fileId, signal)
      }
      if (!isSuccess(answer)) throw errorOf(answer)
      const uri = URL.parse(answer.headers.location ?? '', apiRoot)?.href
      if (answer.headers.location === undefined || uri === undefined)
        throw new ProviderError('unexpected_answer', 'Google Drive opened no upload session')
      if (!isUploadAddress(uri, apiRoot)) {
        throw new ProviderError(
          'insecure_redirect',
          'Google Drive sends the upload to a host that is not known',
        )
      }
      return { created_at: new Date(deps.now()).toISOString(), uri, file_id: fileId }
    },
    querySession,
    send,
    abortSession: async (session, signal) => {
      const known = sessionSchema.safeParse(session)
      if (!known.success) return
      const answer = await requests.giveUp(known.data.uri, signal)
      // 499 is Google's answer to a given-up session. Any other refusal leaves one that nobody can see, for a week.
      if (answer.status === 429 || answer.status === 408 || answer.status >= 500) throw errorOf(answer)
    },
  }
}

/** Taken are Google's own hosts, and those near the configured root. */
function isUploadAddress(address: string, apiRoot: string): boolean {
  const url = httpsAddress(address)
  return url !== null && isTrustedHost(url, new URL(apiRoot), ['.googleapis.com'])
}

/** The session is not there any more, or the file already is. */
function isMissing({ status }: HttpAnswer): boolean {
  return status === 404 || status === 410 || status === 409
}

function sessionExpired(httpStatus?: number): ProviderError {
  return new ProviderError('session_expired', 'Google Drive has forgotten the upload session', { httpStatus })
}
