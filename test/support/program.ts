// The real program as a process of its own (`npm start` without the bootstrap), and its HTTP API, for tests that kill it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { plant } from './secrets/planted-secrets.ts'
import { searchAnswer, searchLog } from './secrets/secret-search.ts'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const READY_MS = 90_000

export interface RunningProgram {
  readonly pid: number
  readonly url: string
  /** host:port of the embedded Temporal server. */
  readonly temporalAddress: string
  /** All lines on standard error so far. */
  readonly log: () => string
  readonly api: <T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<{ status: number; body: T }>
  /** As `kill -9`: nothing is said, nothing is cleaned up. */
  crash(): Promise<void>
  /** As Ctrl-C: resolves with the exit code. */
  stop(): Promise<number | null>
}

export const API_TOKEN = 'token-of-the-test-suite'

/** Starts it with free ports; `environment` wins. Rejects with its log when it ends before it is ready. */
export async function startProgram(environment: Readonly<Record<string, string>>): Promise<RunningProgram> {
  const child = spawn(process.execPath, [join(ROOT, 'temporal-dev', 'start.ts')], {
    env: {
      ...process.env,
      API_TOKEN,
      PORT: '0',
      TEMPORAL_PORT: '0',
      TEMPORAL_UI_PORT: '0',
      LOG_LEVEL: 'info',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  plant([API_TOKEN])
  const { url, temporalAddress } = await readiness(child, () => errors)
  return {
    pid: child.pid ?? 0,
    url,
    temporalAddress,
    log: () => errors,
    api: async <T>(method: string, path: string, body?: unknown) => {
      const answer = await fetch(url + path, {
        method,
        headers: { Authorization: `Bearer ${API_TOKEN}`, 'Content-Type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      searchAnswer(`${method} ${path}`, text)
      return { status: answer.status, body: (text === '' ? null : JSON.parse(text)) as T }
    },
    crash: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      searchLog(errors.split('\n'))
    },
    stop: async () => {
      if (child.exitCode !== null) return child.exitCode
      const gone = once(child, 'exit')
      child.kill('SIGINT')
      await gone
      searchLog(errors.split('\n'))
      return child.exitCode
    },
  }
}

function readiness(
  child: ChildProcess,
  log: () => string,
): Promise<{ url: string; temporalAddress: string }> {
  return new Promise((resolve, reject) => {
    let printed = ''
    const timer = setTimeout(
      () => reject(new Error(`the program was not ready in time:\n${log()}`)),
      READY_MS,
    )
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      const url = /^Cloud Sync\s+(\S+)$/m.exec(printed)?.[1]
      if (url === undefined || !printed.includes('Archives from')) return
      clearTimeout(timer)
      resolve({ url, temporalAddress: /^Temporal gRPC\s+(\S+)$/m.exec(printed)?.[1] ?? '' })
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`the program ended with ${code} before it was ready:\n${log()}`))
    })
  })
}

/** Runs it until it ends by itself; for starts that must be refused. */
export async function runToEnd(
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'temporal-dev', 'start.ts')], {
    env: {
      ...process.env,
      PORT: '0',
      TEMPORAL_PORT: '0',
      TEMPORAL_UI_PORT: '0',
      LOG_LEVEL: 'error',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  await once(child, 'exit')
  return { code: child.exitCode, output }
}
