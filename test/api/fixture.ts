// One API for a test file: the real app over a real PostgreSQL and a real Temporal server; with `clouds`, the program's
// own Workers and emulated providers as well. Requests go through `app.request()`, without a port.

import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { createApp } from '../../api/app.ts'
import type { AppDeps } from '../../api/context.ts'
import { type ChangeFeed, createChangeFeed } from '../../api/runs/change-feed.ts'
import { connectTemporal } from '../../api/temporal/client.ts'
import type { Db } from '../../db/database.ts'
import { createLogger } from '../../db/process/log.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import type { EmulatorStarter } from '../support/clouds.ts'
import { createTestDatabase } from '../support/database.ts'
import { testVault } from '../support/rows.ts'
import { searchAnswer, searchLog } from '../support/secrets/secret-search.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { createTestTemporal } from '../support/temporal.ts'

export const TOKEN = 'test-token-with-full-rights'

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export type JsonObject = { readonly [key: string]: Json }

export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as an object; empty when there is none. */
  readonly body: JsonObject
}

export type Ask = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Answer>

export type ApiFixture = Omit<AppDeps, 'feed'> & {
  readonly app: ReturnType<typeof createApp>
  readonly feed: ChangeFeed
  readonly databaseUrl: string | null
  readonly logged: string[]
  readonly clouds: readonly CloudDouble[]
  readonly system: TestSystem | null
  /** With the token of full rights. */
  readonly ask: Ask
  /** With nothing, or what the headers say. */
  readonly askAnonymously: Ask
  close(): Promise<void>
}

export type FixtureOptions = {
  readonly clouds?: readonly EmulatorStarter[]
  /** Another Temporal address than that of the running server. */
  readonly temporalAddress?: string
}

export async function createApiFixture({
  clouds,
  temporalAddress,
}: FixtureOptions = {}): Promise<ApiFixture> {
  const parts = clouds === undefined ? await startParts() : await startSystem(clouds)
  const logged: string[] = []
  const log = createLogger({ logLevel: 'debug' }, { write: (line: string) => void logged.push(line) })
  const config = {
    taskQueue: parts.taskQueue,
    apiToken: TOKEN,
    trustedProxies: ['10.0.0.0/8'],
    ...(parts.system === null ? {} : { backupRoot: parts.system.config.backupRoot }),
  }
  const temporal = connectTemporal({
    address: temporalAddress ?? parts.address,
    taskQueue: parts.taskQueue,
    deadlineMs: 3_000,
  })
  const feed = createChangeFeed({ db: parts.db, log })
  const deps: AppDeps = {
    db: parts.db,
    vault: testVault,
    temporal,
    log,
    config,
    feed,
    healer: { wake: () => {} },
  }
  const app = searchingAnswers(createApp(deps))
  const askAnonymously = askOf(app)
  return {
    ...deps,
    app,
    feed,
    logged,
    databaseUrl: parts.databaseUrl,
    clouds: parts.system?.clouds ?? [],
    system: parts.system,
    ask: (method, path, body, headers = {}) =>
      askAnonymously(method, path, body, { authorization: `Bearer ${TOKEN}`, ...headers }),
    askAnonymously,
    async close() {
      await feed.stop()
      await temporal.close()
      await parts.close()
      searchLog(logged)
    },
  }
}

/** Streams are left out: they have no end. */
function searchingAnswers(app: ReturnType<typeof createApp>): ReturnType<typeof createApp> {
  const { request } = app
  app.request = async (...given) => {
    const answer = await request(...given)
    const type = answer.headers.get('content-type') ?? ''
    if (!type.startsWith('text/event-stream')) searchAnswer(addressOf(given[0]), await textOf(answer.clone()))
    return answer
  }
  return app
}

function addressOf(request: string | URL | Request): string {
  return request instanceof Request ? request.url : String(request)
}

async function textOf(answer: Response): Promise<string> {
  const bytes = Buffer.from(await answer.arrayBuffer())
  return (answer.headers.get('content-encoding') === 'gzip' ? gunzipSync(bytes) : bytes).toString('utf8')
}

/** A body that is text is sent as it is, anything else as JSON. */
export function askOf(app: ReturnType<typeof createApp>): Ask {
  return async (method, path, body, headers = {}) => {
    const answer = await app.request(
      requestOf(method, path, {
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    )
    const text = await answer.text()
    const isJson = text !== '' && answer.headers.get('content-type')?.includes('json') === true
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      body: isJson ? objectOf(JSON.parse(text)) : {},
    }
  }
}

/** A Request refuses to be made with TRACE; the HTTP server hands one over all the same. */
function requestOf(method: string, path: string, init: RequestInit): Request {
  const isTrace = method === 'TRACE'
  const request = new Request(`http://localhost${path}`, isTrace ? init : { ...init, method })
  if (isTrace) Object.defineProperty(request, 'method', { value: method })
  return request
}

function objectOf(value: Json): JsonObject {
  assert.ok(isObject(value), 'an answer is an object')
  return value
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object at a place of an answer, such as ('items', 0). */
export function at(body: Json, ...path: readonly (string | number)[]): JsonObject {
  let value: Json | undefined = body
  for (const step of path) {
    if (typeof step === 'number') value = Array.isArray(value) ? value[step] : undefined
    else value = isObject(value) ? value[step] : undefined
  }
  assert.ok(isObject(value), `there is an object at ${path.join('.')}`)
  return value
}

export function list(body: JsonObject, field = 'items'): readonly JsonObject[] {
  const items = body[field]
  assert.ok(Array.isArray(items), `${field} is a list`)
  return items.map((item) => at(item))
}

export function text(value: Json | undefined): string {
  assert.ok(typeof value === 'string', 'is a text')
  return value
}

/** A problem document of this status; resolves with the fields it names. */
export function assertProblem(answer: Answer, status: number): readonly string[] {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  assert.equal(answer.body.status, status)
  assert.equal(typeof answer.body.title, 'string')
  assert.equal(typeof answer.body.detail, 'string')
  const { errors } = answer.body
  return errors === undefined ? [] : list(answer.body, 'errors').map((error) => text(error.path))
}

type Parts = {
  readonly db: Db
  readonly databaseUrl: string | null
  readonly address: string
  readonly taskQueue: string
  readonly system: TestSystem | null
  close(): Promise<void>
}

async function startParts(): Promise<Parts> {
  const [database, server] = await Promise.all([createTestDatabase(), createTestTemporal()])
  return {
    db: database.db,
    databaseUrl: database.url,
    address: server.address,
    taskQueue: server.taskQueue(),
    system: null,
    async close() {
      try {
        await server.close()
      } finally {
        await database.close()
      }
    },
  }
}

async function startSystem(clouds: readonly EmulatorStarter[]): Promise<Parts> {
  const system = await createTestSystem(clouds)
  return {
    db: system.db,
    databaseUrl: null,
    address: system.temporal.address,
    taskQueue: system.config.taskQueue,
    system,
    close: system.close,
  }
}
