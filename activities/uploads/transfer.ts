// Moving the bytes of one archive to one destination, against the Provider interface: look whether the file is there, open
// or resume the session, send, ask, send on. Saves the session before the first byte. Never overwrites, and never sends twice
// what the provider has.

import { setTimeout } from 'node:timers/promises'
import { isRetryable } from '../../workflows/errors.ts'
import type { FileHash } from '../../workflows/types.ts'
import type { OpenArchive } from '../archives/archive-source.ts'
import { StepError } from '../failures.ts'
import { canReadBack, readBackHash } from '../proofs/read-back.ts'
import {
  type ArrivedFile,
  type Provider,
  ProviderError,
  type RemoteFile,
  type RemoteFolder,
  type SessionState,
  type UploadSession,
  type UploadTarget,
} from '../providers/provider.ts'
import { keptForm, readKept } from './kept-session.ts'
import { withLateSignal } from './late-signal.ts'

/** Where the session is kept between attempts; every write is refused once another attempt has claimed it. */
export interface SessionStore {
  load(): UploadSession | null
  save(session: UploadSession): Promise<void>
  /** Drops a session that was given up here. */
  drop(): Promise<void>
  /** Drops a session that the provider has forgotten; returns how often that has happened to this upload. */
  restart(): Promise<number>
}

export interface TransferEvents {
  onSent(bytes: number): void
  onStored(offset: number): void
  onContinue(offset: number): void
  onNote(note: TransferNote): Promise<void>
}

export type TransferNote =
  | { readonly event: 'upload_resumed'; readonly offset: number }
  | { readonly event: 'session_restarted'; readonly restarts: number }
  | { readonly event: 'already_present'; readonly name: string }
  | { readonly event: 'name_conflict_renamed'; readonly wanted: string; readonly name: string }

export type Transferred = {
  readonly file: RemoteFile
  readonly local: FileHash
  readonly already_present: boolean
}

export type TransferOptions = {
  readonly provider: Provider
  readonly folder: RemoteFolder
  /** Names to try, best first. */
  readonly names: readonly string[]
  readonly about: Pick<UploadTarget, 'runId' | 'instance' | 'size'>
  readonly source: OpenArchive
  readonly sessions: SessionStore
  readonly events: TransferEvents
  readonly signal: AbortSignal
}

/** What it takes to tell whether a file that has arrived is the archive. */
export type Settling = Pick<TransferOptions, 'provider' | 'signal'> & {
  readonly source: Pick<OpenArchive, 'size' | 'digest' | 'digestBy'>
}

/** A connection that breaks is tried again at once while bytes arrive; without any, this often in a row. */
const TRIES_WITHOUT_PROGRESS = 2
/** How often, and how far apart, the hash of a standing file of equal size is asked for. */
const HASH_TRIES = 3
const HASH_PAUSE_MS = 2_000
/** A hash that is not there by then never comes (docs/providers.md, 3.3). */
const HASH_PATIENCE_MS = 600_000
/** A provider that forgets session after session is not to be fed for ever. */
const MOST_RESTARTS = 3
const MOST_RESTARTS_OF_AGE = 1
/**
 * So long a cancelled attempt goes on to wait for the answer to an opening: only it names the session, and what nobody can name
 * nobody can give up.
 */
const OPENING_MS = 10_000

export async function transfer(options: TransferOptions): Promise<Transferred> {
  const { provider, source, sessions, events, signal } = options
  let fruitless = 0
  let lastOffset = -1
  let taken = 0
  /** Names that the provider refused as taken, whatever it shows there: a folder, a file that its search misses. */
  const refused = new Set<string>()
  for (;;) {
    let opened: Opened
    try {
      opened = await openOrResume(options, refused)
    } catch (error) {
      taken += 1
      if (!isNameTaken(error) || taken >= options.names.length) throw error
      await giveNameUp(options)
      continue
    }
    if (opened.kind === 'present') return opened.result
    const { target, session, offset } = opened
    try {
      if (opened.kind === 'complete') return await settle(options, opened.file)
      fruitless = offset > lastOffset ? 0 : fruitless + 1
      lastOffset = offset
      await source.prepare(offset, signal)
      events.onContinue(offset)
      const file = await provider.send(target, session, source, offset, {
        signal,
        onSent: events.onSent,
        onStored: events.onStored,
        saveSession: (changed) => sessions.save(ofTarget(target, changed)),
      })
      return await settle(options, file)
    } catch (error) {
      signal.throwIfAborted()
      if (isNameTaken(error) && ++taken < options.names.length) {
        refused.add(target.name)
        await giveNameUp(options)
        continue
      }
      if (!isWorthAsking(error) || fruitless >= TRIES_WITHOUT_PROGRESS) throw error
    }
  }
}

/**
 * A file that was recognised by name and size alone is this upload's if its content is; another one is left alone and
 * the upload goes to its other name. Where the provider never states a hash, the file counts as one that was there
 * before, so that nobody deletes it.
 */
export async function settle(options: Settling, file: ArrivedFile): Promise<Transferred> {
  const { source, signal } = options
  if (file.is_surmised !== true) return { file, local: await source.digest(signal), already_present: false }
  const stated = await withHash(options, file)
  const local = await equalHash(options, stated)
  if (local !== null) return { file: stated, local, already_present: false }
  if (stated.hashes.length === 0 && !canReadBack(options.provider, stated)) {
    if (Date.now() - Date.parse(file.uploaded_at) < HASH_PATIENCE_MS) {
      throw new StepError(
        'upload_unverified',
        `whether the file ${JSON.stringify(file.name)} is this upload's shows when the provider states its hash`,
      )
    }
    return { file: stated, local: await source.digest(signal), already_present: true }
  }
  throw new ProviderError('name_conflict', 'another file has taken the name during the upload')
}

async function withHash({ provider, signal }: Settling, file: RemoteFile): Promise<RemoteFile> {
  let known = file
  for (let tries = 1; known.hashes.length === 0 && tries < HASH_TRIES; tries += 1) {
    await setTimeout(HASH_PAUSE_MS, undefined, { signal })
    known = (await provider.getFile(file.id, signal)) ?? known
  }
  return known
}

/** Somebody else's file has come to stand at the name since it was looked for. */
function isNameTaken(error: unknown): boolean {
  return error instanceof ProviderError && error.code === 'name_conflict'
}

/** The session can only ever end at its name: it is given up, and the place looked for again. */
async function giveNameUp({ provider, sessions, signal }: TransferOptions): Promise<void> {
  const stored = sessions.load()
  if (stored === null) return
  await provider.abortSession(readKept(stored).session, signal)
  await sessions.drop()
}

/** What heals by asking the provider where it stands; a pause that it asked for is waited for by Temporal. */
function isWorthAsking(error: unknown): boolean {
  return (
    error instanceof ProviderError &&
    isRetryable(error.code) &&
    error.retryAfterMs === undefined &&
    error.code !== 'rate_limited' &&
    error.code !== 'certificate_invalid'
  )
}

type Opened =
  | { readonly kind: 'present'; readonly result: Transferred }
  | {
      readonly kind: 'open'
      readonly target: UploadTarget
      readonly session: UploadSession
      readonly offset: number
    }
  | {
      readonly kind: 'complete'
      readonly target: UploadTarget
      readonly session: UploadSession
      readonly offset: number
      readonly file: RemoteFile
    }

async function openOrResume(options: TransferOptions, refused: Set<string>): Promise<Opened> {
  const { provider, sessions, events, signal, folder, about } = options
  const stored = sessions.load()
  let forgotten: { readonly name: string; readonly session: UploadSession } | undefined
  if (stored !== null) {
    const { name, session, vanished } = readKept(stored)
    const target = { ...about, folder, name }
    const state = await stateOf(options, target, session, vanished)
    if (state.kind === 'open') {
      if (state.offset > 0) await events.onNote({ event: 'upload_resumed', offset: state.offset })
      return { kind: 'open', target, session, offset: state.offset }
    }
    if (state.kind === 'complete') {
      return { kind: 'complete', target, session, offset: about.size, file: state.file }
    }
    if (vanished === null) {
      const restarts = await sessions.restart()
      await events.onNote({ event: 'session_restarted', restarts })
      refuseEndlessRestarts(provider, session, restarts)
    }
    forgotten = { name, session }
  }
  const place = await findPlace(options, refused)
  if (place.kind === 'present') return place
  const target = { ...about, folder, name: place.name }
  const before = forgotten?.name === place.name ? forgotten.session : undefined
  const opening = withLateSignal(signal, OPENING_MS, (late) => provider.openSession(target, late, before))
  const session = await opening.catch((error: unknown) => {
    if (isNameTaken(error)) refused.add(place.name)
    throw error
  })
  await sessions.save(ofTarget(target, session))
  signal.throwIfAborted()
  // Its file has come to be in the meantime: asking finds it.
  if (session === before) return openOrResume(options, refused)
  return { kind: 'open', target, session, offset: 0 }
}

/** A session whose file has vanished says only what has become of that: it may show up late, or is to be sent anew. */
async function stateOf(
  { provider, signal }: TransferOptions,
  target: UploadTarget,
  session: UploadSession,
  vanished: string | null,
): Promise<SessionState> {
  if (vanished === null) return provider.querySession(target, session, signal)
  const file = await provider.getFile(vanished, signal)
  return file === null ? { kind: 'gone' } : { kind: 'complete', file }
}

/**
 * A session that has died of old age is opened anew once; a second one would die as well. One that was forgotten before its
 * time may have met a fault of the service.
 */
function refuseEndlessRestarts(provider: Provider, session: UploadSession, restarts: number): void {
  const isAged = Date.now() - Date.parse(session.created_at) >= provider.limits.sessionLifeMs
  if (restarts <= (isAged ? MOST_RESTARTS_OF_AGE : MOST_RESTARTS)) return
  throw new StepError(
    'session_too_slow',
    `the provider forgot the upload ${restarts} times before it was finished`,
  )
}

/** The first name that is free, or the file of equal content that is there already. */
async function findPlace(
  options: TransferOptions,
  refused: ReadonlySet<string>,
): Promise<{ readonly kind: 'free'; readonly name: string } | Extract<Opened, { kind: 'present' }>> {
  const { names, events } = options
  for (const name of names) {
    const standing = await standingFiles(options, name)
    for (const file of standing) {
      const local = await equalHash(options, file)
      if (local === null) continue
      await events.onNote({ event: 'already_present', name })
      return { kind: 'present', result: { file, local, already_present: true } }
    }
    if (standing.length > 0 || refused.has(name)) continue
    if (name !== names[0])
      await events.onNote({ event: 'name_conflict_renamed', wanted: names[0] ?? name, name })
    return { kind: 'free', name }
  }
  throw new StepError(
    'name_conflict',
    `files of other content hold the names ${names.map((name) => JSON.stringify(name)).join(' and ')}`,
  )
}

/** A file of the right size whose hash the provider does not state yet may be ours: it is asked again before it counts. */
async function standingFiles({ provider, folder, source, signal }: TransferOptions, name: string) {
  for (let tries = 1; ; tries += 1) {
    const standing = await provider.findFiles(folder, name, signal)
    const isUnclear = standing.some((file) => file.size === source.size && file.hashes.length === 0)
    if (!isUnclear || tries === HASH_TRIES) return standing
    await setTimeout(HASH_PAUSE_MS, undefined, { signal })
  }
}

/**
 * The archive's hash when the remote file has the same content; null when it differs, or when the provider states no hash and
 * the file is too large to be read back for that.
 */
async function equalHash({ provider, source, signal }: Settling, file: RemoteFile): Promise<FileHash | null> {
  if (file.size !== source.size) return null
  const remote =
    file.hashes[0] ??
    (canReadBack(provider, file)
      ? await readBackHash(provider.readBack, file, provider.hashAlgorithm, signal)
      : undefined)
  if (remote === undefined) return null
  const local = await source.digestBy(remote.algorithm, signal)
  return local.value === remote.value ? local : null
}

function ofTarget({ name, folder }: UploadTarget, session: UploadSession): UploadSession {
  return keptForm({ name, folder, session, vanished: null })
}
