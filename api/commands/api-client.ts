// The commands' client of the API: JSON over HTTP, with the token from the environment or a file. Problem documents become
// sentences. An API that cannot be reached has an exit code of its own.

import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { parseJson } from '../../db/process/json.ts'
import { EXIT, Failed } from './command.ts'

export type Created<T> = { readonly made: T } | { readonly refused: string }

export type ApiClient = {
  /** While the API is away, repeats requests that are safe to repeat, for `patienceMs`. Throws Failed. */
  request<T>(method: 'GET' | 'POST', path: string, schema: z.ZodType<T>, body?: object): Promise<T>
  /** Sends a POST. A conflict with what exists is an answer, with its reason. */
  create<T>(path: string, schema: z.ZodType<T>, body: object): Promise<Created<T>>
}

const DEFAULT_URL = 'http://127.0.0.1:8080'
const PATIENCE_MS = 30_000
const REQUEST_TIMEOUT_MS = 60_000
const PAUSE_MS = 1_000

const problemSchema = z.object({ title: z.string(), detail: z.string() })

type ApiClientOptions = {
  readonly url?: string | undefined
  readonly tokenFile?: string | undefined
  readonly patienceMs?: number | undefined
}

/** Throws Failed when the address or the token is wrong. */
export async function createApiClient(options: ApiClientOptions): Promise<ApiClient> {
  const root = rootUrl(options.url ?? process.env.CLOUD_SYNC_URL ?? DEFAULT_URL)
  const token = await readToken(options.tokenFile)
  const patienceMs = options.patienceMs ?? PATIENCE_MS

  async function once<T>(method: string, path: string, schema: z.ZodType<T>, body?: object) {
    let answer: Response
    try {
      answer = await fetch(new URL(path, root), {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      })
    } catch (error) {
      throw new Failed(EXIT.unreachable, `the API at ${root.origin} cannot be reached: ${reasonOf(error)}`)
    }
    const text = await answer.text()
    if (!answer.ok) throw problemOf(answer, text)
    const parsed = schema.safeParse(parseJson(text))
    if (!parsed.success) throw new Failed(EXIT.unreachable, `${root.origin} does not answer like Cloud Sync`)
    return parsed.data
  }

  const client: ApiClient = {
    async request(method, path, schema, body) {
      const deadline = Date.now() + patienceMs
      for (;;) {
        try {
          return await once(method, path, schema, body)
        } catch (error) {
          const isAway = error instanceof Failed && error.exitCode === EXIT.unreachable
          if (!isAway || Date.now() + PAUSE_MS >= deadline) throw error
          await delay(PAUSE_MS)
        }
      }
    },

    async create(path, schema, body) {
      try {
        return { made: await client.request('POST', path, schema, body) }
      } catch (error) {
        if (error instanceof Conflict) return { refused: error.message }
        throw error
      }
    },
  }
  return client
}

/** 409: it conflicts with what exists. */
class Conflict extends Failed {}

function rootUrl(text: string): URL {
  if (!URL.canParse(text) || !['http:', 'https:'].includes(new URL(text).protocol)) {
    throw new Failed(EXIT.badInput, 'CLOUD_SYNC_URL or --url must be a URL such as http://127.0.0.1:8080')
  }
  return new URL(text)
}

async function readToken(file: string | undefined): Promise<string> {
  const given = file === undefined ? process.env.API_TOKEN : await readTokenFile(file)
  const token = given?.trim() ?? ''
  if (token === '')
    throw new Failed(EXIT.badInput, 'set API_TOKEN, or name a file with the token by --token-file')
  return token
}

async function readTokenFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Failed(EXIT.badInput, `the token file cannot be read: ${reasonOf(error)}`)
  }
}

function problemOf(answer: Response, text: string): Failed {
  const problem = problemSchema.safeParse(parseJson(text))
  const message = problem.success ? problem.data.detail : `the API answered ${answer.status}`
  if (answer.status === 409) return new Conflict(EXIT.badInput, message)
  return new Failed(answer.status >= 500 ? EXIT.unreachable : EXIT.badInput, message)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  const { cause } = error
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
  return `${error.message}${code}`
}
