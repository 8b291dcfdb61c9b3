// Moving the bytes of one archive to one destination, against the Provider interface: look whether the file is there, open
// or resume the session, send, ask, send on. Saves the session before the first byte. Never overwrites, and never sends twice
// what the provider has.

import { isRetryable } from '../../../workflows/errors.ts'
import { type ArrivedFile, ProviderError } from '../../providers/provider.ts'
import { readKept } from '../kept-session.ts'
import { type OpenedSession, ofTarget, openOrResume } from './open-session.ts'
import type { TransferOptions } from './options.ts'
import { isNameTaken, type RecognisedFile, recogniseFile } from './recognise-file.ts'

/** How often in a row a connection may break before any byte arrives. While bytes arrive, there is no limit. */
const TRIES_WITHOUT_PROGRESS = 2

/** Brings the archive to the first of the names that turns out to be free. Rejects with what ends the attempt. */
export async function transfer(options: TransferOptions): Promise<RecognisedFile> {
  /** Names that the provider refused as taken, whatever it shows there: a folder, a file that its search misses. */
  const refused = new Set<string>()
  for (let tries = 1; ; tries += 1) {
    try {
      return await transferToFreeName(options, refused)
    } catch (error) {
      options.signal.throwIfAborted()
      if (!isNameTaken(error) || tries >= options.names.length) throw error
      await giveNameUp(options)
    }
  }
}

/** Adds the name to `refused` when the provider says at the end that it is taken, and rejects then. */
async function transferToFreeName(options: TransferOptions, refused: Set<string>): Promise<RecognisedFile> {
  let fruitless = 0
  let lastOffset = -1
  for (;;) {
    const opened = await openOrResume(options, refused)
    if (opened.kind === 'present') return opened.result
    if (opened.kind === 'open') {
      fruitless = opened.offset > lastOffset ? 0 : fruitless + 1
      lastOffset = opened.offset
    }
    try {
      const file = opened.kind === 'complete' ? opened.file : await sendFrom(options, opened)
      return await recogniseFile(options, file)
    } catch (error) {
      options.signal.throwIfAborted()
      if (isNameTaken(error)) refused.add(opened.target.name)
      if (!isWorthAsking(error) || fruitless >= TRIES_WITHOUT_PROGRESS) throw error
    }
  }
}

async function sendFrom(options: TransferOptions, opened: OpenedSession): Promise<ArrivedFile> {
  const { provider, source, sessions, events, signal } = options
  const { target, session, offset } = opened
  await source.prepare(offset, signal)
  events.onContinue(offset)
  return provider.send(target, session, source, offset, {
    signal,
    onSent: events.onSent,
    onStored: events.onStored,
    saveSession: (changed) => sessions.save(ofTarget(target, changed)),
  })
}

/** Gives up the session, which can only ever end at its name; the next one is opened under another name. */
async function giveNameUp({ provider, sessions, signal }: TransferOptions): Promise<void> {
  const stored = sessions.load()
  if (stored === null) return
  await provider.abortSession(readKept(stored).session, signal)
  await sessions.drop()
}

/** Failures that are over once the provider is asked for its offset. Temporal waits for a pause that it asked for. */
function isWorthAsking(error: unknown): boolean {
  return (
    error instanceof ProviderError &&
    isRetryable(error.code) &&
    error.retryAfterMs === undefined &&
    error.code !== 'name_conflict' &&
    error.code !== 'rate_limited' &&
    error.code !== 'certificate_invalid'
  )
}
