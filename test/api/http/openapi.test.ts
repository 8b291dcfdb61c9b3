// The OpenAPI document: valid, complete, and true. Every operation that it lists is called, and each answer is held
// against the schema that the document gives for it.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { z } from 'zod'
import { hashPassword } from '../../../api/access/passwords.ts'
import { createUser } from '../../../db/access/users.ts'
import { EMULATORS } from '../../support/clouds.ts'
import { randomName } from '../../support/rows.ts'
import { until } from '../../support/until.ts'
import { type Answer, type ApiFixture, createApiFixture, text } from '../fixture.ts'

const PASSWORD = 'correct horse battery'

type Call = {
  readonly path?: Readonly<Record<string, string>>
  readonly query?: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
}

describe('the OpenAPI document', () => {
  let api: ApiFixture
  before(async () => {
    api = await createApiFixture({ clouds: [EMULATORS.dropbox] })
  })
  after(() => api.close())

  const operations = () =>
    api.app.openAPIRegistry.definitions.flatMap((definition) =>
      definition.type === 'route' ? [definition.route] : [],
    )

  it('the OpenAPI document is valid OpenAPI 3.1, and the linter finds nothing', async () => {
    const { text: source, headers } = await api.askAnonymously('GET', '/api/openapi.json')
    assert.match(headers.get('content-type') ?? '', /^application\/json/)
    assert.match(source, /^\{"openapi":"3\.1\./)
    // A probe has nothing that a caller could do wrong.
    const config = await createConfig({
      extends: ['recommended'],
      rules: { 'operation-4xx-response': 'off' },
    })
    const findings = await lintFromString({ source, absoluteRef: 'openapi.json', config })
    assert.deepEqual(
      findings.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`),
      [],
    )
  })

  it('the OpenAPI document describes every JSON route of the app, and no other', async () => {
    const described = new Set(
      operations().map(({ method, path }) => `${method} ${path.replaceAll(/\{(.+?)\}/g, ':$1')}`),
    )
    const undescribed = api.app.routes.filter(
      ({ method, path }) =>
        method !== 'ALL' && path.startsWith('/api/') && !described.has(`${method.toLowerCase()} ${path}`),
    )
    const docs = new Set(['/api/openapi.json', '/api/docs', '/api/docs/start.js', '/api/docs/:asset'])
    assert.deepEqual(
      undescribed.filter(({ path }) => !docs.has(path)),
      [],
    )
    const ids = operations().map(({ operationId }) => operationId)
    assert.equal(new Set(ids).size, ids.length)
  })

  it('the OpenAPI document shows itself in a browser with nothing from outside', async () => {
    const page = await api.askAnonymously('GET', '/api/docs')
    assert.equal(page.status, 200)
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'/)
    assert.ok(!/https?:\/\//.test(page.text))
    for (const [, asset] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const answer = await api.askAnonymously('GET', asset ?? '')
      assert.equal(answer.status, 200, asset)
      assert.ok(answer.text.length > 50)
    }
    assert.equal((await api.ask('GET', '/api/docs/package.json')).status, 404)
  })

  it('every operation answers as the OpenAPI document says', async () => {
    const calls = await sampleCalls(api)
    const notCalled: string[] = []
    for (const route of operations()) {
      const id = route.operationId ?? ''
      const call = calls[id]
      if (call === undefined) {
        notCalled.push(id)
        continue
      }
      const sample = typeof call === 'function' ? await call() : call
      const path = route.path.replaceAll(/\{(.+?)\}/g, (_, name: string) =>
        encodeURIComponent(sample.path?.[name] ?? ''),
      )
      const answer = await (sample.headers?.cookie === undefined ? api.ask : api.askAnonymously)(
        route.method.toUpperCase(),
        `${path}${sample.query ?? ''}`,
        sample.body,
        sample.headers,
      )
      assert.equal(answer.status, sample.status, `${id}: ${answer.text}`)
      assertAsDescribed(id, answer, route.responses)
    }
    assert.deepEqual(notCalled, [], 'operations without a sample call')
  })
})

const described = z.object({
  content: z.record(z.string(), z.object({ schema: z.instanceof(z.ZodType) })).optional(),
})

/** The status is listed, and the body is what its schema says: nothing wrong, missing or more. */
function assertAsDescribed(id: string, answer: Answer, responses: Readonly<Record<string, unknown>>): void {
  const listed = responses[answer.status]
  assert.ok(listed !== undefined, `${id} may answer ${answer.status}`)
  const schema = described.parse(listed).content?.['application/json']?.schema
  if (schema === undefined) return
  const body: unknown = JSON.parse(answer.text)
  const parsed = schema.safeParse(body)
  assert.ok(parsed.success, `${id}: ${parsed.error?.message}`)
  assert.deepEqual(parsed.data, body, `${id}: a field that is not described`)
}

async function sampleCalls(api: ApiFixture): Promise<Readonly<Record<string, Call | (() => Promise<Call>)>>> {
  const { system } = api
  assert.ok(system !== null)
  const { slug, bindings } = await system.bind({ keep_last: 3 })
  const [binding] = bindings
  const [cloud] = api.clouds
  assert.ok(binding !== undefined && cloud !== undefined)
  const archive = await system.writeArchive(`${slug}/a.zip`, randomBytes(1000))
  const user = await createUser(api.db, {
    username: randomName('user'),
    password_hash: await hashPassword(PASSWORD),
    role: 'admin',
  })
  const login = async () => {
    const body = { username: user.username, password: PASSWORD }
    const answer = await api.askAnonymously('POST', '/api/session', body)
    return { cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '' }
  }
  const makeAccount = async () => {
    const credentials = { access_token: 'x' }
    const made = await api.ask('POST', '/api/accounts', {
      name: randomName('D'),
      provider: 'dropbox',
      credentials,
    })
    return { path: { id: text(made.body.id) } }
  }
  const makeInstance = async () => {
    const made = await api.ask('POST', '/api/instances', { slug: randomName('acme') })
    return { path: { slug: text(made.body.slug) } }
  }
  const makeUser = async () => {
    const username = randomName('user')
    const made = await api.ask('POST', '/api/users', { username, password: PASSWORD, role: 'viewer' })
    return { path: { id: text(made.body.id) } }
  }
  const makeBinding = async () => {
    const body = { account_id: (await makeAccount()).path.id }
    const made = await api.ask('POST', `/api/instances/${slug}/bindings`, body)
    return { path: { id: text(made.body.id) } }
  }
  const makeToken = async () => {
    const made = await api.ask('POST', '/api/tokens', { name: randomName('t'), scopes: ['read'] })
    return { path: { id: text(made.body.id) } }
  }
  const settledRun = async () => {
    const made = await api.ask('POST', '/api/runs', { instance: slug, archive })
    const id = text(made.body.id)
    await until('the run is settled', async () =>
      (await api.ask('GET', `/api/runs/${id}`)).body.cloud_status === 'pending' ? null : true,
    )
    return { path: { id } }
  }
  /** One that waits in a backoff; it is cancelled at the end of the test at the latest. */
  const waitingRun = async () => {
    cloud.server.faults.add({ times: Number.POSITIVE_INFINITY, action: { kind: 'status', status: 503 } })
    const path = await system.writeArchive(`${slug}/${randomName('b')}.zip`, randomBytes(1000))
    const made = await api.ask('POST', '/api/runs', {
      instance: slug,
      archive: path,
      account_ids: [binding.account_id],
    })
    const id = text(made.body.id)
    await until('it waits for its next attempt', async () =>
      (await api.ask('GET', `/api/runs/${id}`)).text.includes('"state":"waiting","next_attempt_at":"')
        ? true
        : null,
    )
    cloud.server.faults.clear()
    return { path: { id } }
  }
  const ofBinding = { path: { id: binding.id } }
  const ofAccount = { path: { id: binding.account_id } }
  const ofInstance = { path: { slug } }
  const run = await settledRun()
  return {
    getHealth: { status: 200 },
    getReadiness: { status: 200 },
    getMetrics: { status: 200 },
    getSystem: { status: 200 },
    logIn: { status: 201, body: { username: user.username, password: PASSWORD } },
    getSession: async () => ({ status: 200, headers: await login() }),
    logOut: async () => ({ status: 204, headers: await login() }),
    changePassword: async () => {
      const body = { current_password: PASSWORD, new_password: 'another horse battery' }
      return { status: 200, headers: await login(), body }
    },
    listUsers: { status: 200 },
    createUser: { status: 201, body: { username: randomName('u'), password: PASSWORD, role: 'viewer' } },
    getUser: { status: 200, path: { id: user.id } },
    updateUser: async () => ({ status: 200, ...(await makeUser()), body: { role: 'operator' } }),
    deleteUser: async () => ({ status: 204, ...(await makeUser()) }),
    listTokens: { status: 200 },
    createToken: { status: 201, body: { name: randomName('t'), scopes: ['read', 'runs:write'] } },
    getToken: async () => ({ status: 200, ...(await makeToken()) }),
    deleteToken: async () => ({ status: 204, ...(await makeToken()) }),
    listInstances: { status: 200, query: '?limit=2' },
    createInstance: { status: 201, body: { slug: randomName('acme'), name: 'Acme' } },
    getInstance: { status: 200, ...ofInstance },
    updateInstance: { status: 200, ...ofInstance, body: { name: 'Other' } },
    deleteInstance: async () => ({ status: 204, ...(await makeInstance()) }),
    listAccounts: { status: 200 },
    createAccount: {
      status: 201,
      body: {
        name: randomName('OneDrive'),
        provider: 'onedrive',
        credentials: { tenant_id: 'example.org', client_id: 'app', client_secret: 'secret' },
        settings: { drive: { user: 'backup@example.org' } },
      },
    },
    getAccount: { status: 200, ...ofAccount },
    updateAccount: { status: 200, ...ofAccount, body: { settings: { remote_path: '/base' } } },
    deleteAccount: async () => ({ status: 204, ...(await makeAccount()) }),
    checkAccount: { status: 200, ...ofAccount },
    listBindings: { status: 200, ...ofInstance },
    createBinding: async () => ({
      status: 201,
      ...ofInstance,
      body: { account_id: (await makeAccount()).path.id },
    }),
    getBinding: { status: 200, ...ofBinding },
    updateBinding: { status: 200, ...ofBinding, body: { keep_last: 4 } },
    deleteBinding: async () => ({ status: 204, ...(await makeBinding()) }),
    listRemoteFiles: { status: 200, ...ofBinding },
    previewPrune: { status: 200, ...ofBinding, query: '?keep_last=1' },
    startRun: { status: 202, body: { instance: slug, archive, run_id: randomName('r') } },
    listRuns: { status: 200, query: `?instance=${slug}&live=true` },
    getRun: { status: 200, ...run },
    reuploadRun: { status: 202, ...run, body: { account_ids: [binding.account_id] } },
    cancelRun: async () => ({ status: 202, ...(await waitingRun()) }),
    retryRunNow: async () => ({ status: 202, ...(await waitingRun()) }),
    // A stream does not end by itself: its answer is shown by the tests of events.
    streamRun: { status: 404, path: { id: 'nothing' } },
    streamAll: { status: 401, headers: { cookie: 'cloud_sync_session=none' } },
    listAudit: { status: 200, query: `?instance=${slug}` },
  }
}
