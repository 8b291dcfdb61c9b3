// Every operation under thousands of bad requests, made by rule: never a 500, never a request that hangs, and never a
// changed row behind a refusal. A failure prints the seed that repeats it.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { hashPassword } from '../../../api/access/passwords.ts'
import { createUser } from '../../../db/access/users.ts'
import { createBinding } from '../../../db/instances/bindings.ts'
import { beginSync } from '../../../db/runs/destinations.ts'
import { finishSync } from '../../../db/runs/ending.ts'
import { recordRun } from '../../../db/runs/runs.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { pendingDestination, randomName, someAccount, someInstance } from '../../support/rows.ts'
import { type Answer, type ApiFixture, createApiFixture } from '../fixture.ts'

/** Of each operation; FUZZ_RUNS multiplies the search. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 60)
const HANGS_AFTER_MS = 20_000

/** Streams do not end; a login writes the audit trail by design. */
const LEFT_OUT = new Set(['streamAll', 'streamRun', 'logIn'])

const TABLES = [
  'instances',
  'cloud_accounts',
  'bindings',
  'runs',
  'destinations',
  'users',
  'api_tokens',
  'audit_log',
]

describe('bad requests', () => {
  let api: ApiFixture
  let known: readonly string[]
  before(async () => {
    // With Workers, so that what is valid by chance is answered and not waited for.
    api = await createApiFixture({ clouds: [EMULATORS.dropbox] })
    const { slug } = await someInstance(api.db)
    const account = await someAccount(api.db)
    const binding = await createBinding(api.db, { instance_slug: slug, account_id: account.id })
    const { run } = await recordRun(api.db, {
      id: randomName('run'),
      instance_slug: slug,
      archive: `${slug}/x.zip`,
      workflow_id: `cloud-sync/${slug}/x`,
    })
    await beginSync(api.db, run.id, {
      [account.id]: pendingDestination({ finished_at: '2026-01-01T00:00:00Z' }),
    })
    await finishSync(api.db, run.id, 'failed')
    const user = await createUser(api.db, {
      username: randomName('u'),
      password_hash: await hashPassword('xxxxxxxx'),
    })
    known = [slug, user.id, binding.id, account.id, run.id]
  })
  after(() => api.close())

  const operations = () =>
    api.app.openAPIRegistry.definitions.flatMap((definition) =>
      definition.type === 'route' && !LEFT_OUT.has(definition.route.operationId ?? '')
        ? [definition.route]
        : [],
    )

  const snapshot = async () => {
    const parts = TABLES.map(
      (table) =>
        sql`(select coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '') from ${sql.table(table)} t)`,
    )
    const { rows } = await sql<{ digest: string }>`select concat(${sql.join(parts)}) as digest`.execute(
      api.db,
    )
    return rows[0]?.digest ?? ''
  }

  const send = async (
    method: string,
    path: string,
    body: string | undefined,
    headers: Record<string, string>,
  ) => {
    let timer: NodeJS.Timeout | undefined
    const hangs = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${method} ${path} hangs`)), HANGS_AFTER_MS)
    })
    try {
      return await Promise.race([api.ask(method, path, body, headers), hangs])
    } finally {
      clearTimeout(timer)
    }
  }

  it('every operation refuses bad requests with a problem document, and changes nothing', async () => {
    const counts = new Map<number, number>()
    let before = await snapshot()
    for (const { method, path, operationId = '' } of operations()) {
      const requests = requestsFor(path, known)
      await fc.assert(
        fc.asyncProperty(requests, async ({ url, query, body, contentType }) => {
          const sends = method !== 'get' && method !== 'delete'
          const answer = await send(
            method.toUpperCase(),
            `${url}${query}`,
            sends ? body : undefined,
            sends ? { 'content-type': contentType } : {},
          )
          counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
          assertInOrder(answer, operationId)
          const now = await snapshot()
          if (answer.status >= 400)
            assert.equal(now, before, `${operationId} changed a row behind a ${answer.status}`)
          before = now
        }),
        { numRuns: RUNS },
      )
    }
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    const shown = [...counts].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
    process.stdout.write(`    ${total} requests to ${operations().length} operations: ${shown.join(', ')}\n`)
    assert.equal([...counts.keys()].filter((status) => status === 500).length, 0)
    assert.deepEqual(
      api.logged.filter((line) => line.includes('"a request failed"')),
      [],
    )
  })

  it('requests of any method, path and header get a problem document', async () => {
    const header = fc.constantFrom(
      'accept',
      'content-type',
      'cookie',
      'idempotency-key',
      'origin',
      'x-forwarded-for',
      'range',
    )
    const value = fc.string({ unit: 'grapheme-ascii', maxLength: 60 }).map((text) => text.trim())
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'QUERY', 'TRACE'),
        fc.webPath(),
        fc.webQueryParameters(),
        fc.dictionary(header, value),
        async (method, path, query, headers) => {
          const answer = await send(method, `/api${path}?${query}`, undefined, headers)
          assertInOrder(answer, `${method} ${path}`)
        },
      ),
      { numRuns: RUNS * 10 },
    )
  })
})

function assertInOrder(answer: Answer, what: string): void {
  // 502: the provider does not take the credentials that an account has been given by chance.
  assert.ok(
    answer.status < 500 || [502, 503].includes(answer.status),
    `${what}: ${answer.status} ${answer.text}`,
  )
  if (answer.status < 400 || answer.text === '') return
  assert.equal(answer.headers.get('content-type'), 'application/problem+json', what)
  assert.ok(!/node_modules|\.ts:\d+|select |insert /.test(answer.text), answer.text)
}

/** Odd texts: control characters, other scripts, halves of characters, long ones, and what injection looks like. */
function oddText(known: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    fc.constantFrom(...known),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.constantFrom(
      '',
      ' ',
      '\0',
      'a\0b',
      '\ud800',
      '..',
      '../../etc/passwd',
      "'; drop table runs; --",
      '%00',
      '{{7*7}}',
    ),
    fc.constantFrom(
      '__proto__',
      'constructor',
      '-1',
      '1e309',
      'NaN',
      'null',
      '2026-13-45T99:99:99Z',
      '💾'.repeat(100),
    ),
    fc.string({ minLength: 3000, maxLength: 6000 }),
  )
}

const FIELDS = [
  'slug',
  'name',
  'provider',
  'credentials',
  'settings',
  'account_id',
  'remote_path',
  'enabled',
  'keep_last',
  'retention_scope',
  'instance',
  'archive',
  'database',
  'finished_at',
  'run_id',
  'archive_task_queue',
  'account_ids',
  'username',
  'password',
  'role',
  'scopes',
  'expires_at',
  'current_password',
  'new_password',
  'folder_id',
  'drive',
  'access_token',
  'credentials_json',
  'tenant_id',
  '__proto__',
]

const QUERY_FIELDS = [
  'limit',
  'cursor',
  'instance',
  'status',
  'account',
  'from',
  'to',
  'live',
  'event',
  'keep_last',
  'actor',
]

/** Cursors of the right form with contents that no list has given out. */
const cursor = fc
  .array(
    fc.oneof(
      fc.string(),
      fc.double(),
      fc.bigInt(),
      fc.constant('2026-01-01T00:00:00Z'),
      fc.constant('0000-01-01T00:00:00Z'),
    ),
    {
      maxLength: 3,
    },
  )
  .map((parts) =>
    Buffer.from(
      JSON.stringify(parts, (_key, value) => (typeof value === 'bigint' ? Number(value) : value)),
    ).toString('base64url'),
  )

function requestsFor(path: string, known: readonly string[]) {
  const odd = oddText(known)
  const value = fc.oneof(
    odd,
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>(
      0,
      -1,
      1.5,
      1e308,
      true,
      false,
      null,
      [],
      {},
      'dropbox',
      'google_drive',
      'a/b.zip',
      ['read'],
    ),
    fc.dictionary(fc.constantFrom(...FIELDS), odd, { maxKeys: 4 }),
  )
  const object = fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 6 })
  const nested = fc.constant(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)
  const body = fc.oneof(
    { weight: 8, arbitrary: object.map((fields) => JSON.stringify(fields)) },
    { weight: 2, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string() },
    { weight: 1, arbitrary: nested },
  )
  const id = fc.oneof(fc.constantFrom(...known), odd).map((text) => encodeURIComponent(text.toWellFormed()))
  const names = [...path.matchAll(/\{(.+?)\}/g)]
  return fc.record({
    url: fc.array(id, { minLength: names.length, maxLength: names.length }).map((ids) => {
      let index = 0
      return path.replaceAll(/\{.+?\}/g, () => ids[index++] || 'x')
    }),
    query: fc
      .dictionary(fc.constantFrom(...QUERY_FIELDS), fc.oneof(odd, cursor), { maxKeys: 3 })
      .map((fields) => {
        const wellFormed = Object.entries(fields).map(([name, text]): [string, string] => [
          name,
          text.toWellFormed(),
        ])
        return wellFormed.length === 0 ? '' : `?${new URLSearchParams(wellFormed)}`
      }),
    body,
    contentType: fc.oneof(
      { weight: 12, arbitrary: fc.constant('application/json') },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          'text/plain',
          'application/xml',
          'multipart/form-data',
          'application/json; charset=latin1',
        ),
      },
    ),
  })
}
