// The emulated clouds of a benchmark, each in a process of its own: what they cost is not counted as ours, and they share
// the machine with the program as little as possible.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { ProviderKind } from '../../workflows/types.ts'
import { createTestAuthority, type TestAuthority, writeAuthority } from '../clouds/certificates.ts'
import type { BenchContext } from './context.ts'
import {
  type CloudFacts,
  type CloudState,
  type FromEmulator,
  fromEmulator,
  type ToEmulator,
} from './emulator-messages.ts'
import { plainEnvironment } from './environment.ts'

export type Emulator = CloudFacts & {
  /** What is there, and what came; `forget` starts counting anew. */
  state(options?: { forget?: boolean }): Promise<CloudState>
}

export type Emulators = {
  readonly all: readonly Emulator[]
  /** The CA certificate of all of them, as a file. */
  readonly caFile: string
  /** Host names of the real clouds → ports of their emulators. */
  readonly routes: Readonly<Record<string, number>>
}

/** Every name under which a provider's real API is called. */
const HOSTS: Readonly<Record<ProviderKind, readonly string[]>> = {
  google_drive: ['www.googleapis.com', 'oauth2.googleapis.com', 'drive.googleapis.com'],
  dropbox: ['api.dropboxapi.com', 'api.dropbox.com', 'content.dropboxapi.com', 'notify.dropboxapi.com'],
  onedrive: [
    'login.microsoftonline.com',
    'graph.microsoft.com',
    'contoso.sharepoint.com',
    'contoso-my.sharepoint.com',
  ],
}
const ANSWER_MS = 30_000

export async function startEmulators(
  { folder, atEnd }: Pick<BenchContext, 'folder' | 'atEnd'>,
  kinds: readonly ProviderKind[],
): Promise<Emulators> {
  const authority = await createTestAuthority()
  const caFile = await writeAuthority(authority, folder)
  const all: Emulator[] = []
  for (const kind of kinds) all.push(await startEmulator(kind, authority, caFile, atEnd))
  return {
    all,
    caFile,
    routes: Object.fromEntries(all.flatMap(({ kind, port }) => HOSTS[kind].map((host) => [host, port]))),
  }
}

async function startEmulator(
  kind: ProviderKind,
  authority: TestAuthority,
  caFile: string,
  atEnd: BenchContext['atEnd'],
): Promise<Emulator> {
  const child = fork(join(import.meta.dirname, 'emulator-process.ts'), [kind, caFile], {
    // The providers' hosts are meant for the program; an emulator calls nobody but itself.
    env: plainEnvironment(),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  atEnd(() => end(child))
  const asked = await next(child, 'names')
  const ready = next(child, 'ready')
  say(child, { is: 'certificate', ...(await authority.issue(asked.names)) })
  const { cloud } = await ready
  const state = async ({ forget = false } = {}) => {
    const answer = next(child, 'state')
    say(child, { is: 'ask', forget })
    return (await answer).state
  }
  return { ...cloud, state }
}

function say(child: ChildProcess, message: ToEmulator): void {
  // Gone already: who waits for its answer is told so.
  if (child.connected) child.send(message)
}

async function next<I extends FromEmulator['is']>(
  child: ChildProcess,
  is: I,
): Promise<Extract<FromEmulator, { is: I }>> {
  const gone = new AbortController()
  const onExit = () => gone.abort(new Error(`an emulator ended before it said "${is}"`))
  child.once('exit', onExit)
  try {
    const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(ANSWER_MS)])
    const [message] = await once(child, 'message', { signal })
    const parsed = fromEmulator.parse(message)
    if (!isOf(parsed, is)) throw new Error(`an emulator said "${parsed.is}" instead of "${is}"`)
    return parsed
  } catch (error) {
    throw gone.signal.aborted ? gone.signal.reason : error
  } finally {
    child.off('exit', onExit)
  }
}

function isOf<I extends FromEmulator['is']>(
  message: FromEmulator,
  is: I,
): message is Extract<FromEmulator, { is: I }> {
  return message.is === is
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  if (child.connected) child.disconnect()
  await gone
}
