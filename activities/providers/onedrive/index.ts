// OneDrive and SharePoint through Microsoft Graph (docs/providers.md, 3), with an application's own credentials.
//
// A token comes from Microsoft Entra by client credentials (MSAL); with it the account's drive is found once and then
// addressed by its ID. Folders are made level by level. A file of at most 4 MiB goes in one PUT to `…:/content` with
// conflict behaviour `fail`. A larger one goes through an upload session: POST `…:/createUploadSession` gives an
// address that carries its own permission (asked without a token, kept sealed). Fragments follow in ascending order,
// each a multiple of 320 KiB and below 60 MiB; 202 tells what is missing next, 201 shows the finished file. After any
// doubt GET on the address tells where to go on; when it answers 404 or 401, the file is looked up by name, and is ours
// if its size, time and maker are those of the session. The address dies 24 hours after it was made, whatever its
// `expirationDateTime` says; DELETE gives it up. Nothing is visible before the last byte, and nothing is replaced.
//
// Every drive states a QuickXorHash, sometimes only some time after the upload: then `hashes` is empty and the file is
// to be asked for again. Deleting moves to the recycle bin, bound to the eTag. Limits of a drive that show as errors
// (quota, throttling, locks, holds) are mapped in errors.ts, those of signing in in sign-in-errors.ts.

import type { OneDriveCredentials, OneDriveSettings } from '../../../db/accounts/account-shapes.ts'
import type { HttpClient } from '../../http/client.ts'
import { type Provider, ProviderError, type RemoteFile, type UploadSession } from '../provider.ts'
import { checkAccount } from './check.ts'
import { createDriveSource } from './drive.ts'
import { createFolders } from './folders.ts'
import { createGraph } from './graph.ts'
import { createItems, fileOf } from './items.ts'
import { encodeName } from './names.ts'
import { type GraphSession, readSession } from './session.ts'
import { createSessions } from './sessions.ts'
import { createTokenSource } from './token.ts'
import { FRAGMENT_UNIT_BYTES } from './upload/send-fragments.ts'
import { createUpload } from './upload/upload.ts'

/** 250 GB by the documentation, which counts in powers of two; Graph itself refuses more before the first byte. */
const MAX_FILE_BYTES = 250 * 2 ** 30
const SESSION_LIFE_MS = 86_400_000
/** Documented up to 250 MB, but older services stop at 4 MB. */
const SINGLE_BYTES = 4 * 1024 * 1024
/** 50 MiB: larger is faster, below 60 MiB is allowed. */
const FRAGMENT_BYTES = 160 * FRAGMENT_UNIT_BYTES
const MAX_FRAGMENT_BYTES = 60 * 1024 * 1024
const LOOKUP_PAUSE_MS = 2000

export type OneDriveDeps = {
  readonly credentials: OneDriveCredentials
  readonly settings: OneDriveSettings
  readonly endpoints: {
    /** MICROSOFT_GRAPH_ROOT; `/v1.0` is appended. */
    readonly graphRoot: string
    /** MICROSOFT_AUTHORITY_ROOT. */
    readonly authorityRoot: string
  }
  readonly http: HttpClient
  readonly now?: (() => number) | undefined
  /** Size of a fragment: a multiple of 320 KiB below 60 MiB; default 50 MiB. */
  readonly fragmentBytes?: number | undefined
  /** Up to this size a file goes in one request; default 4 MiB. */
  readonly singleBytes?: number | undefined
  /** Between questions about a session that is not found, in ms; default 2000. */
  readonly lookupPauseMs?: number | undefined
}

export function createOneDrive(deps: OneDriveDeps): Provider {
  const { credentials, settings, endpoints, http } = deps
  const now = deps.now ?? Date.now
  const fragmentBytes = deps.fragmentBytes ?? FRAGMENT_BYTES
  const singleBytes = deps.singleBytes ?? SINGLE_BYTES
  if (
    fragmentBytes <= 0 ||
    fragmentBytes % FRAGMENT_UNIT_BYTES !== 0 ||
    fragmentBytes >= MAX_FRAGMENT_BYTES
  ) {
    throw new RangeError('fragmentBytes must be a multiple of 320 KiB below 60 MiB')
  }
  const { graphRoot } = endpoints
  const token = createTokenSource({ credentials, endpoints, http, now })
  const graph = createGraph({ http, token, graphRoot, now })
  const items = createItems(graph)
  const drive = createDriveSource(graph, settings.drive)
  const remotePath = settings.remote_path ?? '/'
  const folders = createFolders({ graph, items, drive, below: remotePath })
  const sessions = createSessions({
    graph,
    items,
    http,
    graphRoot,
    clientId: credentials.client_id,
    now,
    lookupPauseMs: deps.lookupPauseMs ?? LOOKUP_PAUSE_MS,
  })
  const upload = createUpload({ graph, http, items, sessions, graphRoot, now, fragmentBytes })

  return {
    kind: 'onedrive',
    limits: { maxFileBytes: MAX_FILE_BYTES, sessionLifeMs: SESSION_LIFE_MS },
    hashAlgorithm: 'quickxorhash',
    remoteName: encodeName,
    ensureFolder: (path, signal) => folders.ensure(path, signal),
    findFolder: (path, signal) => folders.find(path, signal),
    findFiles: async (folder, name, signal) => {
      const item = await items.byName(await drive.id(signal), folder.id, name, signal)
      const file = item === null ? null : fileOf(item)
      return file === null ? [] : [file]
    },
    openSession: async (target, signal) => {
      if (target.size > MAX_FILE_BYTES) {
        throw new ProviderError(
          'archive_too_large',
          'The file is larger than 250 GB, the most that OneDrive takes.',
        )
      }
      return sessions.open(await drive.id(signal), target, target.size <= singleBytes, signal)
    },
    querySession: async (target, session, signal) => {
      const known = readSession(session)
      return known === null ? { kind: 'gone' } : sessions.query(target, known, signal)
    },
    send: (target, session, source, offset, context) =>
      upload.send(target, requireSession(session), source, offset, context),
    abortSession: (session, signal) => sessions.abort(session, signal),
    getFile: async (id, signal) => {
      const item = await items.byId(await drive.id(signal), id, signal)
      return item === null ? null : fileOf(item)
    },
    readBack: async (id, start, end, signal) => items.bytes(await drive.id(signal), id, start, end, signal),
    listFiles: async function* (folder, signal) {
      for await (const page of items.children(await drive.id(signal), folder.id, signal)) {
        yield page.map(fileOf).filter((file): file is RemoteFile => file !== null)
      }
    },
    deleteFile: async (file, signal) => items.remove(await drive.id(signal), file.id, file.revision, signal),
    check: (signal) =>
      checkAccount({ token, drive, folders, items, sessions, upload, now, remotePath }, signal),
  }

  function requireSession(session: UploadSession): GraphSession {
    const known = readSession(session)
    if (known !== null) return known
    throw new ProviderError('session_expired', 'The saved upload session has an unknown shape.')
  }
}
