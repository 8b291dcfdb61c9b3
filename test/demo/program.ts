// The real program as a child process, as `npm start` runs it: started with the demo's environment, watched until it
// says where it listens, and stopped in order.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const ROOT = join(import.meta.dirname, '..', '..')
const READY_DEADLINE_MS = 240_000
const STOP_DEADLINE_MS = 60_000
const LINES_KEPT = 40

export type Program = {
  readonly url: string
  readonly docsUrl: string
  readonly temporalUrl: string
  /** Aborts when the program ends without having been asked to. */
  readonly lost: AbortSignal
  stop(): Promise<void>
}

/** Rejects with the program's own last words when it does not get ready, or the signal's reason. */
export async function startProgram(
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Program> {
  const lifeline = pathToFileURL(join(import.meta.dirname, 'end-with-demo.ts')).href
  const child = spawn(process.execPath, ['--import', lifeline, join(ROOT, 'temporal-dev', 'start.ts')], {
    cwd: ROOT,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
    // Out of the terminal's group: Ctrl-C reaches the demo, which stops the program when its turn has come.
    detached: true,
  })
  const exited = once(child, 'exit')
  const words: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    words.push(line)
    if (words.length > LINES_KEPT) words.shift()
  })
  const lost = new AbortController()
  let isStopping = false
  const stop = async () => {
    isStopping = true
    await end(child, exited)
  }
  exited.then(
    ([code, by]) => {
      if (!isStopping) lost.abort(new Error(`the program ended by itself (${by ?? code})${lastWords(words)}`))
    },
    (error: unknown) => lost.abort(error),
  )
  try {
    const ready = await addresses(
      child,
      AbortSignal.any([signal, lost.signal, AbortSignal.timeout(READY_DEADLINE_MS)]),
    )
    return { ...ready, lost: lost.signal, stop }
  } catch (error) {
    await stop()
    if (signal.aborted || lost.signal.aborted) throw error
    throw new Error(`the program was not ready after ${READY_DEADLINE_MS / 1000} s${lastWords(words)}`)
  }
}

/** What the program prints about itself when it is ready; 'Archives from' is the last line. */
async function addresses(child: ChildProcess, signal: AbortSignal) {
  const found = new Map<string, string>()
  const ready = new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    if (signal.aborted) reject(signal.reason)
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, name, value] = /^(.+?)\s{2,}(\S.*)$/.exec(line) ?? []
      if (name !== undefined && value !== undefined) found.set(name, value)
      if (line.startsWith('Archives from')) resolve()
    })
  })
  await ready
  const address = (name: string) => {
    const value = found.get(name)
    if (value === undefined) throw new Error(`the program did not say its address for "${name}"`)
    return value
  }
  return { url: address('Cloud Sync'), docsUrl: address('API reference'), temporalUrl: address('Temporal') }
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  await exited
  clearTimeout(force)
}

/** The end of the log for people: messages of JSON lines, other lines as they are, no stacks. */
export function lastWords(lines: readonly string[]): string {
  const telling = lines.filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
  const told = telling.slice(-12).map((line) => {
    try {
      const entry: unknown = JSON.parse(line)
      if (typeof entry !== 'object' || entry === null || !('msg' in entry)) return line
      const cause = 'err' in entry && typeof entry.err === 'object' && entry.err !== null ? entry.err : {}
      return 'message' in cause ? `${entry.msg}: ${cause.message}` : String(entry.msg)
    } catch {
      // A line of something else than our log.
      return line
    }
  })
  return told.length === 0 ? '' : `. It said last:\n${told.map((line) => `    ${line}`).join('\n')}`
}
